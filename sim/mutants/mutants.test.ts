import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseMutantArguments, sampleOf } from './arguments.ts'
import { mutants } from './catalogue.ts'
import { misfitsOf } from './command.ts'
import { Misfit, type Mutant, transform } from './mutant.ts'
import { type HuntReport, hunt } from './runner.ts'
import { foundBy, placeOf } from './seek.ts'
import { tableOf } from './table.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

function mutantNamed(name: string): Mutant {
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`)
  return mutant
}

const mutant: Mutant = { ...mutantNamed('ack-before-stored'), scenarios: undefined }

const harmless: Mutant = {
  name: 'harmless',
  row: undefined,
  describe: 'The same, said otherwise.',
  file: 'core/consensus/quorum.ts',
  find: 'return Math.floor(count / 2) + 1',
  replace: 'return 1 + Math.floor(count / 2)',
}

function huntOptions(overrides: { readonly seeds: number; readonly onReport?: (report: HuntReport) => void }) {
  const { signal } = new AbortController()
  return {
    root,
    entry: 'scenarios/mutants',
    jobs: 1,
    scenario: 'flapping',
    signal,
    onReport: () => {},
    ...overrides,
  }
}

describe('the catalogue', () => {
  it('has a place for each mutant in the sources, exactly one', () => {
    expect(misfitsOf(mutants, root).map(({ message }) => message)).toEqual([])
  })

  it('covers the kinds of bugs that consensus and storage ship with most often', () => {
    const rows = new Set(mutants.map(({ row }) => row))
    expect([2, 4, 5, 6, 12, 13, 18, 25, 33, 35, 36, 37].filter((row) => !rows.has(row))).toEqual([])
    expect(mutants.length).toBeGreaterThanOrEqual(24)
  })

  it('names each mutant once, and changes something by it', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    for (const { name, find, replace } of mutants) expect(replace, name).not.toBe(find)
  })
})

describe('a change of a source', () => {
  const change: Mutant = { ...mutant, find: 'a + b', replace: 'a - b' }

  it('replaces the text where it stands', () => {
    expect(transform('sum = a + b\n', change)).toBe('sum = a - b\n')
  })

  it('takes what it puts there as it is', () => {
    expect(transform('sum = a + b\n', { ...change, replace: '$& $1' })).toBe('sum = $& $1\n')
  })

  it('is refused when its text is gone, or is there twice', () => {
    expect(() => transform('sum = a', change)).toThrow(Misfit)
    expect(() => transform('a + b, a + b', change)).toThrow('occurs 2 times')
    expect(() => transform('sum', { ...change, find: '' })).toThrow(Misfit)
  })

  it('is reported before anything is run when the sources have moved on', () => {
    expect(misfitsOf([mutant, change], root).map((misfit) => misfit.mutant)).toEqual([change])
  })
})

describe('a hunt', () => {
  // Whatever a hunt makes it makes here.
  const folder = mkdtempSync(join(tmpdir(), 'coterie-hunts-'))
  beforeEach(() => vi.stubEnv('TMPDIR', folder))
  afterEach(() => {
    vi.unstubAllEnvs()
    expect(readdirSync(folder)).toEqual([])
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('catches a mutant by the check that it names, and lets a change survive that changes nothing', async () => {
    const told: HuntReport[] = []
    const reports = await hunt([mutant, harmless], huntOptions({ seeds: 1, onReport: (each) => told.push(each) }))
    expect(reports[0]).toMatchObject({ mutant, seeds: 1, caught: { scenario: 'flapping', seed: '1', held: false } })
    expect(reports[0]?.caught?.found).toContain('promises')
    expect(reports[1]).toMatchObject({ mutant: harmless, seeds: 1, caught: undefined })
    expect(told).toEqual(reports)
  }, 180_000)

  it('fails on a change that is no program any more', async () => {
    await expect(hunt([{ ...harmless, replace: 'return (' }], huntOptions({ seeds: 1 }))).rejects.toThrow('not compile')
  })

  it('ends at once when it is told to', async () => {
    const signal = AbortSignal.timeout(1500)
    await expect(hunt([harmless], { ...huntOptions({ seeds: 100_000 }), signal })).rejects.toThrow('aborted')
  })
})

describe('a search', () => {
  it('meets all scenarios with a seed before the next one', () => {
    const places = [0, 1, 2, 3].map((at) => placeOf(at, ['x', 'y']))
    expect(places.map(({ seed, scenario }) => `${seed}${scenario}`)).toEqual(['1x', '1y', '2x', '2y'])
  })

  it('names the checks that found something, and what ended the run', () => {
    const held = { name: 'monotonic', compared: 5, violations: [] }
    const violated = { name: 'durability', compared: 5, violations: ['gone'] }
    expect(foundBy({ verdict: 'held', reason: undefined, checks: [held] })).toEqual([])
    expect(foundBy({ verdict: 'violated', reason: 'durability: gone', checks: [held, violated] })).toEqual([
      'durability',
    ])
    expect(foundBy({ verdict: 'violated', reason: 'step 7: AssertionFailed', checks: [held] })).toEqual(['assertion'])
    expect(foundBy({ verdict: 'failed', reason: 'TypeError', checks: [violated] })).toEqual(['durability', 'error'])
  })

  it('takes a run in which too little happened for no proof of anything', () => {
    const vacuous = { name: 'expectations', compared: 1, violations: ['nothing happened'] }
    expect(foundBy({ verdict: 'violated', reason: 'expectations: nothing happened', checks: [vacuous] })).toEqual([])
  })
})

describe('the command', () => {
  const silent = { out: () => {}, error: () => {} }
  const parse = (...argv: string[]) =>
    parseMutantArguments(argv, { invocation: 'npm run mutants --', mutants, jobsDefault: 2 }, silent)

  it('seeks all within two hundred seeds unless it is told otherwise', () => {
    expect(parse()).toEqual({ mutants, seeds: 200, jobs: 2, json: false, list: false })
  })

  it('seeks those that are named', () => {
    expect(parse('--only', 'ack-before-stored', '--seeds', '7')).toMatchObject({
      mutants: [mutantNamed('ack-before-stored')],
      seeds: 7,
    })
  })

  it('seeks a sample that is always the same', () => {
    expect(sampleOf([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([1, 4, 6])
    expect(sampleOf([1, 2], 5)).toEqual([1, 2])
    expect(parse('--sample', '4')).toEqual(parse('--sample', '4'))
    expect(parse('--sample', '4')).toMatchObject({ mutants: { length: 4 } })
  })

  it('answers wrong usage with its own code', () => {
    expect(parse('--only', 'nobody')).toBe(2)
    expect(parse('--seeds', '0')).toBe(2)
    expect(parse('--nonsense')).toBe(2)
    expect(parse('--help')).toBe(0)
  })
})

describe('the table', () => {
  it('aligns words to the left and numbers to the right, and shouts about survivors', () => {
    const caught = {
      at: 2,
      seed: '3',
      scenario: 'flapping',
      held: false,
      found: ['promises', 'durability'],
      reason: '',
    }
    const short = { ...mutant, name: 'short', row: 5 }
    const survivor = { ...mutant, name: 'a-longer-name', row: undefined }
    const reports: HuntReport[] = [
      { mutant: short, caught, seeds: 3, spoilt: 0, wallMs: 12_340 },
      { mutant: survivor, caught: undefined, seeds: 200, spoilt: 0, wallMs: 600 },
    ]
    expect(tableOf(reports).split('\n')).toEqual([
      'mutant         row  seeds  caught by  in        seconds',
      'short            5      3  promises   flapping     12.3',
      'a-longer-name    -    200  SURVIVED   -             0.6',
    ])
  })
})
