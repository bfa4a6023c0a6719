import { decodeMembers } from '../consensus/members.ts'
import type { Replica } from '../consensus/replica.ts'
import { Malformed } from '../lib/bytes.ts'
import type { Message } from '../wire/message.ts'
import { lastIndexOf, payloadsOf, type Run } from '../wire/run.ts'

type Append = Extract<Message, { kind: 'append' }>

/**
 * No term, index or time that was ever reached exceeds this: one that does is a lie, and would leave no room to count
 * on.
 */
const numberMax = 2 ** 48

/**
 * Whether a message can be true at all, whatever its receiver knows. What passes never makes consensus read bytes that
 * are no configuration, or count beyond what a number holds.
 */
export function isPlausible(message: Message): boolean {
  if ('term' in message && message.term > numberMax) return false
  if (message.kind === 'append') return message.prevIndex <= numberMax && areSound(message.runs)
  if (message.kind === 'form') return areSound(message.runs)
  if (message.kind !== 'snapshot-chunk') return true
  return message.index >= 1 && message.index <= numberMax && message.indexTerm <= message.term
}

/**
 * Whether an append agrees with what its receiver knows for certain: that entries which are committed stay, and that
 * neither terms nor stamps fall along the log. No leader sends another one; from a liar it is dropped.
 */
export function fitsLog(replica: Pick<Replica, 'log' | 'commit'>, append: Append): boolean {
  const { log, commit } = replica
  // Where the logs differ before it nothing of it is appended, but its sender must be told where they agree.
  if (append.prevIndex >= log.baseIndex && log.termAt(append.prevIndex) !== append.prevTerm) return true
  for (const run of append.runs) {
    for (let index = Math.max(run.firstIndex, log.baseIndex + 1); index <= lastIndexOf(run); index++) {
      if (log.termAt(index) === run.term) continue
      if (index <= commit) return false
      return run.term >= (log.termAt(index - 1) ?? 0) && run.stampMs >= (log.stampAt(index - 1) ?? 0)
    }
  }
  return true
}

function areSound(runs: readonly Run[]): boolean {
  let stampMs = 0
  for (const run of runs) {
    if (run.term > numberMax || run.stampMs < stampMs || run.stampMs > numberMax) return false
    if (run.kind === 'members' && !areMembers(run)) return false
    stampMs = run.stampMs
  }
  return true
}

function areMembers(run: Run): boolean {
  try {
    for (const [, payload] of payloadsOf(run)) decodeMembers(payload)
    return true
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}
