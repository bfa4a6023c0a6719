import { must } from '../core/lib/assert.ts'
import { decodeGraph } from '../core/wire/graph-codec.ts'
import type { Index } from '../core/wire/ids.ts'
import type { ClientNews, ClientProcess } from './client-process.ts'
import { type Action, changes, type Ending, type History } from './history.ts'
import type { Dice } from './prng.ts'
import { requestOf } from './request-of.ts'
import { observationOf, type Workload } from './workload.ts'

interface Worker {
  readonly number: number
  readonly client: ClientProcess
  readonly onlyReads: boolean
  /** The operation under way, by its id in the history. */
  operation: number | undefined
  action: Action | undefined
  isIdle: boolean
}

export interface CrewWorld {
  readonly nowUs: () => number
  readonly count: (what: string) => void
  readonly workLater: (worker: number, delayUs: number) => void
}

/** How long a simulated client waits for an answer, unless it is one of the few that give up soon. */
const callTimeoutMs = 8000

/**
 * The workers of all clients: each has one operation under way at a time, and every beginning and end goes into the
 * history.
 * Not here: what they ask for (the workload).
 */
export class Crew {
  readonly #world: CrewWorld
  readonly #history: History
  readonly #workload: Workload
  readonly #dice: Dice
  readonly #patience: Dice
  readonly #thinkUs: number
  readonly #workers: Worker[] = []
  /** Client numbers of the history: a client that died and came back is another one. */
  readonly #sessions = new Map<ClientProcess, number>()
  #nextSession = 0
  /** Transactions of each client that got a result, whatever it was. */
  readonly #resolved = new Map<ClientProcess, number>()
  #isOver = false
  acknowledged = 0

  constructor(world: CrewWorld, history: History, workload: Workload, dice: Dice, thinkUs: number) {
    this.#world = world
    this.#history = history
    this.#workload = workload
    this.#dice = dice
    this.#patience = dice.fork('patience')
    this.#thinkUs = thinkUs
  }

  /** Puts workers to a client, of which the first `readers` only read; they begin when `work` is called for them. */
  employ(client: ClientProcess, count: number, readers: number): void {
    this.#sessions.set(client, this.#nextSession++)
    for (let i = 0; i < count; i++) {
      const number = this.#workers.length
      const onlyReads = i < readers
      this.#workers.push({ number, client, onlyReads, operation: undefined, action: undefined, isIdle: true })
      this.#world.workLater(number, this.#dice.exponential(this.#thinkUs))
    }
  }

  /** Nobody begins anything new. */
  finish(): void {
    this.#isOver = true
  }

  get isQuiet(): boolean {
    return this.#workers.every((worker) => worker.operation === undefined)
  }

  get underWay(): number {
    return this.#workers.filter((worker) => worker.operation !== undefined).length
  }

  /** How many transactions of this client got a result so far. */
  resolvedFor(client: ClientProcess): number {
    return this.#resolved.get(client) ?? 0
  }

  work(number: number): void {
    const worker = must(this.#workers[number], 'a worker that was employed')
    if (this.#isOver || worker.operation !== undefined) return
    if (!worker.client.isUp) {
      this.#later(worker)
      return
    }
    const action = this.#bound(worker, this.#workload.next(number, worker.onlyReads))
    const session = must(this.#sessions.get(worker.client), 'a client has its session')
    const operation = this.#history.invoke(number, session, action, this.#world.nowUs())
    worker.operation = operation
    worker.action = action
    const request = requestOf(action)
    const call = this.#callOf(operation, number)
    const timeoutMs = this.#patience.chance(1, 10) ? this.#patience.intInclusive(10, 600) : callTimeoutMs
    if ('query' in request) worker.client.input({ kind: 'query', call, query: request.query, timeoutMs })
    else {
      const transaction = { ...request.transaction, after: this.#callsBefore(action) }
      worker.client.input({ kind: 'submit', call, transaction, timeoutMs })
    }
  }

  hear(news: ClientNews): void {
    switch (news.kind) {
      case 'settled':
        this.#settled(news)
        return
      case 'answered': {
        const observed = observationOf(news.answer)
        this.#end(
          news.call,
          observed === undefined
            ? { type: 'info', reason: 'not a document of the workload' }
            : { type: 'ok', observed },
        )
        return
      }
      case 'failed':
        this.#end(
          news.call,
          news.executed === 'no'
            ? { type: 'fail', code: news.code, index: undefined }
            : { type: 'info', reason: news.code },
        )
    }
  }

  /** The client's process died: nobody will tell what became of its operations. */
  clientDied(client: ClientProcess): void {
    for (const worker of this.#workers) {
      if (worker.client === client && worker.operation !== undefined)
        this.#endOf(worker, { type: 'info', reason: 'client died' })
    }
    this.#sessions.set(client, this.#nextSession++)
  }

  /** Some changes build on one that the same client has under way. */
  #bound(worker: Worker, action: Action): Action {
    if (!('birth' in action) || !this.#dice.chance(1, 6)) return action
    const others = this.#workers.filter(
      (other) => other.client === worker.client && other.action !== undefined && changes(other.action),
    )
    return others.length === 0 ? action : { ...action, after: this.#dice.pick(others).operation }
  }

  #callsBefore(action: Action): readonly number[] {
    const id = action.f !== 'list' && 'after' in action ? action.after : undefined
    if (id === undefined) return []
    const { number } = must(
      this.#workers.find(({ operation }) => operation === id),
      'it is under way',
    )
    return [this.#callOf(id, number)]
  }

  /** Calls carry the worker, so that the answer finds it. */
  #callOf(operation: number, worker: number): number {
    return operation * 1024 + worker
  }

  #settled(news: Extract<ClientNews, { kind: 'settled' }>): void {
    const { outcome, index, call } = news
    const { client } = must(this.#workers[call % 1024], 'a result for an employed worker')
    this.#resolved.set(client, this.resolvedFor(client) + 1)
    if (outcome.kind === 'executed') this.#end(call, executedEnding(index, outcome.results[0]))
    else this.#end(call, { type: 'fail', code: outcome.kind === 'cancelled' ? 'CANCELLED' : outcome.code, index })
  }

  #end(call: number, ending: Ending): void {
    const worker = must(this.#workers[call % 1024], 'an answer for an employed worker')
    // The worker went on without it when the client died.
    if (worker.operation !== Math.floor(call / 1024)) return
    this.#endOf(worker, ending)
  }

  #endOf(worker: Worker, ending: Ending): void {
    const operation = must(worker.operation, 'an operation under way')
    this.#history.end(operation, this.#world.nowUs(), ending)
    if (ending.type === 'ok') this.acknowledged++
    if (ending.type === 'ok' && worker.action !== undefined) this.#world.count(`done-${worker.action.f}`)
    if (ending.type === 'fail') this.#world.count(`answer-${ending.code}`)
    if (worker.action !== undefined) this.#workload.note(worker.action, ending)
    worker.operation = undefined
    worker.action = undefined
    this.#later(worker)
  }

  #later(worker: Worker): void {
    this.#world.workLater(worker.number, 1 + this.#dice.exponential(this.#thinkUs))
  }
}

/** The workload has one operation with a result, a sum. */
function executedEnding(index: Index, result: Uint8Array | undefined): Ending {
  if (result === undefined) return { type: 'ok', observed: { kind: 'executed', index } }
  const sum = decodeGraph(result).root
  if (typeof sum === 'number') return { type: 'ok', observed: { kind: 'executed', index, sum } }
  return { type: 'info', reason: 'a result that no operation of the workload has' }
}
