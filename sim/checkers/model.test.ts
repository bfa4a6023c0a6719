import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldDocument } from '../../core/state/fold.ts'
import { ReplicatedState } from '../../core/state/replicated-state.ts'
import type { Command, ReadVersion, Write } from '../../core/wire/command.ts'
import { encodeCommand } from '../../core/wire/command-codec.ts'
import type { ClientIndex, HistoryId } from '../../core/wire/ids.ts'
import { createDice, type Dice } from '../prng.ts'
import { encodeAppend, encodeSet, encodeWorkDocument, workDocumentOf } from '../work-document.ts'
import { Model, type ModelEffect } from './model.ts'
import type { CommittedEntry } from './types.ts'

const spaces = ['a', 'b']
const keys = ['', 'k', 'é']

/** The model and the servers' state, fed with one log. */
class Pair {
  readonly state = new ReplicatedState()
  readonly model = new Model()
  readonly #dice: Dice
  readonly seen = new Set<string>()
  #index = 0

  constructor(seed: string) {
    this.#dice = createDice(seed)
  }

  step(): void {
    const index = ++this.#index
    const payload = encodeCommand(this.#command())
    const entry: CommittedEntry = { index, term: 1, stampMs: index, kind: 'data', payload, hash: 0 }
    const effect = this.model.apply(entry)
    const applied = this.state.apply(index, index, payload)
    const isNew = applied.kind === 'result' && applied.result.index === index
    expect(effect.kind === 'request' ? outcomeText(effect) : 'none').toBe(
      isNew ? stateText(applied.result.outcome) : 'none',
    )
    this.seen.add(effect.kind === 'request' ? outcomeText(effect) : effect.kind)
  }

  /** Everything that a client could ask. */
  compareAnswers(): void {
    for (const space of spaces) {
      const listing = this.state.answer({ kind: 'list', space, after: undefined, limit: 100 })
      expect(listing).toMatchObject({ keys: this.model.keys(space), version: this.model.spaceVersion(space) })
      for (const key of keys) {
        const answer = this.state.answer({ kind: 'get', space, key })
        const document = this.model.document(space, key)
        if (answer.kind !== 'document') expect(document).toBeUndefined()
        else {
          const value = workDocumentOf(foldDocument(answer.base, answer.deltas))
          expect({ space, key, birth: answer.birth, version: answer.version, value }).toEqual(document)
        }
      }
    }
    expect(this.model.documents()).toHaveLength(this.state.documentCount)
  }

  #command(): Command {
    const dice = this.#dice
    const deed = dice.intInclusive(0, 99)
    if (deed < 4 || this.#index < 3) return { kind: 'register', nonce: new Uint8Array(16).fill(deed % 5) }
    if (deed < 6) return { kind: 'expire', clients: this.#expired() }
    if (deed === 6 && dice.chance(1, 4)) {
      return { kind: 'found', history: `000000000000000${dice.intInclusive(0, 2)}` as HistoryId, servers: '' }
    }
    const client = this.#client()
    const last = this.state.client(client)?.last ?? 0
    const number = Math.max(1, last + dice.pick([1, 1, 1, 1, 1, 1, 0, 0, -1, 2]))
    const body = dice.chance(1, 20) ? ({ kind: 'cancel' } as const) : this.#transaction(last)
    return { kind: 'request', client, number, ackedBelow: 1, body }
  }

  #client(): ClientIndex {
    const clients = [...this.state.clients()].map(([client]) => client)
    return clients.length === 0 ? (1 as ClientIndex) : this.#dice.pick(clients)
  }

  #expired(): { client: ClientIndex; touch: number }[] {
    const client = this.#client()
    return [{ client, touch: (this.state.client(client)?.touch ?? 0) + this.#dice.pick([0, 0, 1]) }]
  }

  #transaction(last: number) {
    const dice = this.#dice
    const writes = Array.from({ length: dice.pick([1, 1, 1, 2, 3, 0]) }, () => this.#write())
    const reads = Array.from({ length: dice.pick([0, 0, 1, 2]) }, () => this.#read())
    const after = dice.chance(1, 10) ? [dice.intInclusive(1, last + 1)] : []
    return { kind: 'transaction', after, reads, writes } as const
  }

  #write(): Write {
    const dice = this.#dice
    const [space, key] = [dice.pick(spaces), dice.pick(keys)]
    const tag = `t${this.#index}`
    const birth = dice.pick([0, 0, this.model.document(space, key)?.birth ?? 0, 1])
    const kind = dice.pick(['create', 'create', 'set', 'set', 'append', 'append', 'delete'] as const)
    if (kind === 'create') return { kind, space, key, value: encodeWorkDocument({ n: 1, by: tag, list: [tag] }) }
    if (kind === 'delete') return { kind, space, key, birth }
    const delta = kind === 'set' ? encodeSet(this.#index, tag) : encodeAppend(tag)
    return { kind: 'change', space, key, birth, delta }
  }

  #read(): ReadVersion {
    const dice = this.#dice
    const [space, key] = [dice.pick(spaces), dice.pick([...keys, undefined])]
    const version = key === undefined ? this.model.spaceVersion(space) : (this.model.document(space, key)?.version ?? 0)
    return { space, key, version: Math.max(0, version + dice.pick([0, 0, 0, -1])) }
  }
}

function outcomeText({ outcome }: Extract<ModelEffect, { kind: 'request' }>): string {
  return outcome.kind === 'refused' ? outcome.code : outcome.kind
}

function stateText(outcome: { readonly kind: string; readonly code?: string }): string {
  return outcome.code ?? outcome.kind
}

describe('the model', () => {
  it('agrees with the servers on every outcome and every answer, whatever the log holds', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.nat(1_000_000), (seed) => {
        const pair = new Pair(`model ${seed}`)
        for (let i = 0; i < 300; i++) {
          pair.step()
          if (i % 10 === 0) pair.compareAnswers()
        }
        for (const outcome of pair.seen) seen.add(outcome)
      }),
      { seed: 5, numRuns: 30 },
    )
    expect([...seen].sort()).toEqual([
      'CONFLICT',
      'EXISTS',
      'GONE',
      'NOT_AFTER',
      'cancelled',
      'executed',
      'none',
      'repeated',
    ])
  })

  it('says so when it meets what no workload writes', () => {
    const model = new Model()
    const entry = { index: 1, term: 1, stampMs: 1, kind: 'data', hash: 0 } as const
    expect(model.apply({ ...entry, payload: Uint8Array.of(9, 9) })).toMatchObject({ kind: 'foreign' })
    expect(() => model.apply({ ...entry, index: 3, payload: Uint8Array.of(9) })).toThrow(/in order/)
    model.apply({ ...entry, index: 2, payload: encodeCommand({ kind: 'register', nonce: new Uint8Array(16) }) })
    const write = { kind: 'create', space: 's', key: 'k', value: Uint8Array.of(7) } as const
    const body = { kind: 'transaction', after: [], reads: [], writes: [write] } as const
    const request = { kind: 'request', client: 2 as ClientIndex, number: 1, ackedBelow: 1, body } as const
    expect(model.apply({ ...entry, index: 3, payload: encodeCommand(request) })).toMatchObject({ kind: 'foreign' })
    expect(model.apply({ ...entry, index: 4, kind: 'noop', payload: new Uint8Array(0) })).toEqual({ kind: 'none' })
    expect(model.index).toBe(4)
  })
})
