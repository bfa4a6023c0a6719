import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
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

function huntOptions(overrides: { readonly seeds: number; readonly onReport?: (report: HuntReport) => void }) {
  const { signal } = new AbortController()
  const entry = 'scenarios/mutants'
  return { root, entry, jobs: 1, scenario: 'rolling-restart', signal, onReport: () => {}, ...overrides }
}

function workshops(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('coterie-mutants-'))
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

  it('keeps every bug out of the sources', () => {
    for (const { file } of mutants) expect(existsSync(`${root}${file}`), file).toBe(true)
  })
})

describe('a change of a source', () => {
  const mutant: Mutant = { ...mutantNamed('ack-before-stored'), find: 'a + b', replace: 'a - b' }

  it('replaces the text where it stands', () => {
    expect(transform('sum = a + b\n', mutant)).toBe('sum = a - b\n')
  })

  it('takes what it puts there as it is', () => {
    expect(transform('sum = a + b\n', { ...mutant, replace: '$& $1' })).toBe('sum = $& $1\n')
  })

  it('is refused when its text is gone, or is there twice', () => {
    expect(() => transform('sum = a', mutant)).toThrow(Misfit)
    expect(() => transform('a + b, a + b', mutant)).toThrow('occurs 2 times')
    expect(() => transform('sum', { ...mutant, find: '' })).toThrow(Misfit)
  })

  it('is reported before anything is run when the sources have moved on', () => {
    expect(misfitsOf([mutantNamed('ack-before-stored'), mutant], root).map((misfit) => misfit.mutant)).toEqual([mutant])
  })
})

describe('a hunt', () => {
  it('catches a mutant, names the check and leaves nothing behind', async () => {
    const before = workshops()
    const told: HuntReport[] = []
    const mutant = { ...mutantNamed('vote-cleared-on-step-down'), scenarios: ['rolling-restart'] }
    const [report] = await hunt([mutant], huntOptions({ seeds: 3, onReport: (each) => told.push(each) }))
    expect(report).toMatchObject({ mutant, seeds: 1, caught: { scenario: 'rolling-restart', seed: '1', held: false } })
    expect(report?.caught?.found).toContain('assertion')
    expect(told).toEqual([report])
    expect(workshops()).toEqual(before)
  })

  it('lets a change survive that changes nothing', async () => {
    const mutant: Mutant = {
      name: 'harmless',
      row: undefined,
      describe: 'The same, said otherwise.',
      file: 'core/consensus/quorum.ts',
      find: 'return Math.floor(count / 2) + 1',
      replace: 'return 1 + Math.floor(count / 2)',
    }
    const [report] = await hunt([mutant], huntOptions({ seeds: 1 }))
    expect(report).toMatchObject({ caught: undefined, seeds: 1 })
  })

  it('fails on a change that is no program any more, and leaves nothing behind', async () => {
    const before = workshops()
    const mutant: Mutant = { ...mutantNamed('half-is-a-majority'), replace: 'return (' }
    await expect(hunt([mutant], huntOptions({ seeds: 1 }))).rejects.toThrow('does not compile')
    expect(workshops()).toEqual(before)
  })

  it('ends at once when it is told to, and leaves nothing behind', async () => {
    const before = workshops()
    const { signal } = { signal: AbortSignal.timeout(1500) }
    const endless = {
      ...mutantNamed('half-is-a-majority'),
      scenarios: ['rolling-restart'],
      replace: 'return Math.floor(count / 2) + 1',
    }
    await expect(hunt([endless], { ...huntOptions({ seeds: 100_000 }), signal })).rejects.toThrow('aborted')
    expect(workshops()).toEqual(before)
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
    const mutant = { ...mutantNamed('ack-before-stored'), name: 'short', row: 5 }
    const survivor = { ...mutant, name: 'a-longer-name', row: undefined }
    const reports: HuntReport[] = [
      { mutant, caught, seeds: 3, spoilt: 0, wallMs: 12_340 },
      { mutant: survivor, caught: undefined, seeds: 200, spoilt: 0, wallMs: 600 },
    ]
    expect(tableOf(reports).split('\n')).toEqual([
      'mutant         row  seeds  caught by  in        seconds',
      'short            5      3  promises   flapping     12.3',
      'a-longer-name    -    200  SURVIVED   -             0.6',
    ])
  })
})
