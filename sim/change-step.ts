import { isJoint } from '../core/consensus/members.ts'
import type { ServerProcess } from './server-process.ts'

/**
 * Where a replacement stands (R5): the new incarnation learns; the joint configuration is in effect; the one behind it
 * is, and is not committed yet (thesis, section 4.3).
 */
export const changeSteps = ['learner', 'joint', 'leaving-joint'] as const
export type ChangeStep = (typeof changeSteps)[number]

/** The step that a change of members is at, as the leader sees it; undefined while nothing changes. */
function changeStepOf(servers: readonly ServerProcess[]): ChangeStep | undefined {
  const leader = servers.findLast(({ isUp, server }) => isUp && server?.core.replica?.role === 'leader')
  const replica = leader?.server?.core.replica
  if (replica === undefined) return undefined
  if (isJoint(replica.members)) return 'joint'
  if (replica.members.learners.length > 0) return 'learner'
  return replica.membersIndex > replica.commit ? 'leaving-joint' : undefined
}

/** How long until whoever waits for a step looks again, and how often he does. */
export const lookUs = 1000
const looksMax = 2500

/** Tells faults, by their number, whether the step of a change that they are meant for has come. */
export class StepWatch {
  readonly #servers: readonly ServerProcess[]
  readonly #looks = new Map<number, number>()

  constructor(servers: readonly ServerProcess[]) {
    this.#servers = servers
  }

  look(fault: number, step: ChangeStep): 'now' | 'not-yet' | 'never' {
    if (changeStepOf(this.#servers) === step) return 'now'
    const looks = (this.#looks.get(fault) ?? 0) + 1
    this.#looks.set(fault, looks)
    return looks < looksMax ? 'not-yet' : 'never'
  }
}
