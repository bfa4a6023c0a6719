import { calmPath } from '../sim/path.ts'
import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const snapshotToLaggingServer: ScenarioPlan = {
  name: 'snapshot-to-lagging-server',
  describe:
    'A server that missed more than the log still holds is brought up by a snapshot, whatever happens meanwhile.',
  draw: (dice) => {
    const scenario = lightScenario('snapshot-to-lagging-server', dice)
    const limits = { ...scenario.limits, snapshotChunkBytes: 128 }
    const path = {
      ...calmPath,
      lossPerMillion: dice.intInclusive(0, 20_000),
      duplicationPerMillion: dice.intInclusive(0, 50_000),
    }
    const faults = inTurn(dice, scenario.durationMs, [2400, 3200], (atMs) => missed(dice, atMs))
    return { ...scenario, limits, path, faults, expects: { 'server-snapshot-installed': 1 } }
  },
}

/** A follower is away for a while; when it is back and copies, the leader or the follower itself may be killed. */
function missed(dice: Dice, atMs: number): Fault[] {
  const awayMs = dice.intInclusive(500, 1400)
  const away: Fault = dice.pick([
    { atMs, kind: 'crash', target: 'follower', downMs: awayMs },
    { atMs, kind: 'pause', target: 'follower', forMs: awayMs },
    { atMs, kind: 'partition', shape: 'isolate', target: 'follower', forMs: awayMs },
  ] as const)
  if (dice.chance(1, 3)) return [away]
  const target = dice.pick(['leader', 'any'] as const)
  const backMs = atMs + awayMs + dice.intInclusive(20, 500)
  return [away, { atMs: backMs, kind: 'crash', target, downMs: dice.intInclusive(50, 300) }]
}
