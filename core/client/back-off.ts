import type { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import type { ClientTiming } from './options.ts'

/**
 * How long to wait after `attempts` in vain: twice as long each time up to a limit, and by chance between half and all
 * of that.
 */
export function backOffMs(attempts: number, timing: ClientTiming, prng: Prng): Millis {
  const wholeMs = Math.min(timing.backoffMsMax, timing.backoffMsMin * (1 << Math.min(attempts, 16)))
  const halfMs = Math.ceil(wholeMs / 2)
  return halfMs + prng.below(halfMs)
}
