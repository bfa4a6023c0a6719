import type { ReplicaView } from '../core/consensus/invariants.ts'
import { must } from '../core/lib/assert.ts'
import type { ServerMachine } from '../core/server/server-machine.ts'
import { decodeMessage, messageKinds } from '../core/wire/codec.ts'
import { type Index, nameOf, type ServerId, type Term } from '../core/wire/ids.ts'
import type { Findings } from './checkers/findings.ts'

/** How far a log was durable, and the term of its entry there. */
interface Kept {
  readonly index: Index
  readonly term: Term
}

type Replica = NonNullable<ServerMachine['core']['replica']>
type Tickets = Pick<ServerMachine['core']['storage'], 'written' | 'durable'>
type Vow = Pick<ReplicaView, 'term' | 'votedFor' | 'durable'>

/** What is looked at of a server. */
export interface Promising {
  readonly id: ServerId
  readonly core: {
    readonly replica:
      | (Pick<Replica, 'term' | 'repairing'> & {
          readonly view: Vow
          readonly log: Pick<Replica['log'], 'baseIndex' | 'lastIndex' | 'termAt'>
        })
      | undefined
    readonly storage: Tickets
  }
}

interface Oath {
  readonly term: Term
  readonly vote: ServerId | undefined
  /** Term and vote are durable when the storage has come this far. */
  readonly ticket: number
}

/** What one server said of itself that must outlive it. */
interface Memory {
  /** What is durable. */
  sworn: Oath
  /** What the disk is still writing, oldest first. */
  swearing: Oath[]
  durable: number
  log: Kept
  /** The same, one flush earlier: a flush that nothing was written behind can't be told from one cut short. */
  logBefore: Kept
  /** Bits of its disk that had flipped when it was last started. */
  rotted: number
  /** Started, and not compared yet with what it was before. */
  isNew: boolean
  rottedNow: number
}

const vouching: ReadonlySet<number> = new Set([messageKinds.indexOf('append-ack'), messageKinds.indexOf('vote-reply')])

/**
 * Holds servers to what they promised: nothing is told before it is durable, and what was durable is there after a
 * restart, or known to be missing.
 * Not here: servers that lost their disk, which come back under another identity and owe nothing.
 */
export class Promises {
  readonly #findings: Findings
  readonly #memories = new Map<ServerId, Memory>()

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** `rotted` bits of the server's disk have flipped so far. */
  started(machine: Promising, rotted: number): void {
    const memory = this.#memories.get(machine.id)
    if (memory === undefined) {
      const nothing = { index: 0, term: 0 }
      this.#memories.set(machine.id, {
        sworn: noOath,
        swearing: [],
        durable: 0,
        log: nothing,
        logBefore: nothing,
        rotted,
        isNew: false,
        rottedNow: rotted,
      })
    } else {
      memory.isNew = true
      memory.rottedNow = rotted
      memory.durable = 0
      memory.swearing = []
    }
  }

  observe(machine: Promising): void {
    const memory = this.#memories.get(machine.id)
    const { replica, storage } = machine.core
    if (memory === undefined || replica === undefined) return
    if (memory.isNew) this.#compare(machine, memory)
    this.#swear(replica.view, storage, memory)
    // Until the opening flush is durable, what was recovered may be lost again.
    if (storage.durable === 0) return
    const durable = storage.durable >= storage.written ? replica.log.lastIndex : replica.view.durable
    if (storage.durable !== memory.durable) {
      memory.durable = storage.durable
      memory.logBefore = memory.log
    }
    if (durable !== memory.log.index || replica.log.termAt(durable) !== memory.log.term)
      memory.log = { index: durable, term: replica.log.termAt(durable) ?? memory.log.term }
  }

  /** A server sends this, after the step that was just observed. */
  sent(machine: Promising, frame: Uint8Array): void {
    const memory = this.#memories.get(machine.id)
    if (memory === undefined || !vouching.has(frame[0] ?? -1)) return
    const message = must(decodeMessage(frame), 'a server sends messages')
    if (message.kind === 'vote-reply' && message.granted && !message.pre) this.#voted(machine, memory, message.term)
    else if (
      message.kind === 'append-ack' &&
      message.match !== undefined &&
      message.term === machine.core.replica?.term
    )
      this.#confirmed(machine, memory, message.match)
  }

  #swear({ term, votedFor }: Vow, { written, durable }: Tickets, memory: Memory): void {
    const newest = memory.swearing.at(-1) ?? memory.sworn
    if (newest.term !== term || newest.vote !== votedFor) {
      memory.swearing.push({ term, vote: votedFor, ticket: written })
    }
    while (memory.swearing.length > 0) {
      const oath = must(memory.swearing[0], 'an oath')
      if (oath.ticket > durable) return
      memory.sworn = oath
      memory.swearing.shift()
    }
  }

  #voted(machine: Promising, { sworn }: Memory, term: Term): void {
    const name = nameOf(machine.id)
    const repairing = machine.core.replica?.repairing === true
    this.#findings.expect(!repairing, () => `${name} voted in term ${term} while its log was damaged`)
    this.#findings.expect(
      sworn.term > term || (sworn.term === term && sworn.vote !== undefined),
      () => `${name} told of its vote in term ${term} before it was durable`,
    )
  }

  #confirmed(machine: Promising, memory: Memory, match: Index): void {
    this.#findings.expect(
      match <= memory.log.index,
      () => `${nameOf(machine.id)} confirmed entries up to ${match}, durable are those up to ${memory.log.index}`,
    )
  }

  #compare(machine: Promising, memory: Memory): void {
    const replica = must(machine.core.replica, 'a server that is compared')
    // The first flush of a life stores what was recovered.
    memory.swearing = [{ term: replica.view.term, vote: replica.view.votedFor, ticket: 1 }]
    const bits = memory.rottedNow - memory.rotted
    memory.isNew = false
    memory.rotted = memory.rottedNow
    const name = nameOf(machine.id)
    if (replica.repairing) {
      this.#findings.expect(memory.rottedNow > 0, () => `${name} found damage on a disk that has none`)
      return
    }
    // Two bad bits may hit two flushes, of which neither tells any more that the other was.
    if (bits > 1) return
    const kept = bits === 0 ? memory.log : earlier(memory.log, memory.logBefore)
    const { log } = replica
    const holds = log.baseIndex >= kept.index || log.termAt(kept.index) === kept.term
    this.#findings.expect(
      holds,
      () => `${name} lost what was durable: entry ${kept.index} of term ${kept.term}; its log ends at ${log.lastIndex}`,
    )
    if (bits === 0) this.#compareVote(machine, memory)
  }

  #compareVote(machine: Promising, { sworn }: Memory): void {
    const { term, votedFor } = must(machine.core.replica, 'a server that is compared').view
    this.#findings.expect(
      term > sworn.term || (term === sworn.term && (sworn.vote === undefined || votedFor === sworn.vote)),
      () =>
        `${nameOf(machine.id)} forgot its vote for ${sworn.vote} in term ${sworn.term}: ` +
        `it is in term ${term}, voted for ${votedFor}`,
    )
  }
}

const noOath: Oath = { term: 0, vote: undefined, ticket: 0 }

function earlier(a: Kept, b: Kept): Kept {
  return b.index < a.index ? b : a
}
