import { describe, expect, it } from 'vitest'
import { type Arguments, exitHeld, exitUsage, parseArguments } from './arguments.ts'
import { registryOf } from './registry.ts'
import { calmScenario } from './swarm.ts'

const plans = ['first', 'second'].map((name) => ({ name, describe: 'Holds.', draw: () => calmScenario(name) }))

function parse(...argv: string[]): {
  readonly parsed: Arguments | number
  readonly out: string
  readonly errors: string
} {
  const out: string[] = []
  const errors: string[] = []
  const written = { out: (text: string) => void out.push(text), error: (text: string) => void errors.push(text) }
  const options = { invocation: 'sim', registry: registryOf(plans), jobsDefault: 2 }
  return { parsed: parseArguments(argv, options, written), out: out.join(''), errors: errors.join('') }
}

describe('the words of the command', () => {
  it('mean the first scenario and any seed when there are none', () => {
    expect(parse().parsed).toMatchObject({
      scenarios: ['first'],
      seed: undefined,
      range: undefined,
      jobs: 2,
      json: false,
    })
  })

  it('take a seed as text', () => {
    expect(parse('--seed', '0042', '--scenario', 'second').parsed).toMatchObject({
      scenarios: ['second'],
      seed: '0042',
    })
  })

  it.each([
    ['3', { from: 1, to: 3 }],
    ['5..9', { from: 5, to: 9 }],
    ['7..7', { from: 7, to: 7 }],
  ])('take %s as a range of seeds', (text, range) => {
    expect(parse('--seeds', text, '--jobs', '4').parsed).toMatchObject({ range, jobs: 4 })
  })

  it('take all scenarios in order', () => {
    expect(parse('--scenario', 'all', '--seeds', '1').parsed).toMatchObject({ scenarios: ['first', 'second'] })
  })

  it.each([
    ['an unknown scenario', ['--scenario', 'third'], 'there is no scenario third'],
    ['a seed and seeds', ['--seed', '1', '--seeds', '2'], 'exclude one another'],
    ['an empty seed', ['--seed', ''], 'never empty'],
    ['a range from high to low', ['--seeds', '9..5'], 'Not a number of seeds'],
    ['a range that is none', ['--seeds', '5-9'], 'Not a number of seeds'],
    ['a step that is none', ['--stop-at', '0'], 'Not a whole number above 0'],
    ['no process', ['--jobs', '-1'], 'Not a whole number above 0'],
    ['a trace of many runs', ['--seeds', '5', '--trace', 'x'], 'of one run'],
    ['a history of all scenarios', ['--scenario', 'all', '--history', 'x'], 'of one run'],
    ['a gate without a sweep', ['--gate'], 'name --seeds'],
    ['an unknown option', ['--fast'], "unknown option '--fast'"],
    ['a word too many', ['42'], 'too many arguments'],
  ])('refuse %s', (_, argv, why) => {
    const { parsed, errors } = parse(...argv)
    expect(parsed).toBe(exitUsage)
    expect(errors).toContain(why)
  })

  it('ask for help', () => {
    const { parsed, out } = parse('--help')
    expect(parsed).toBe(exitHeld)
    expect(out).toContain('--stop-at <step>')
  })
})
