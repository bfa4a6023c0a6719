import { crc32c } from '../core/lib/crc32c.ts'
import type { ServerMachine } from '../core/server/server-machine.ts'
import { type Index, nameOf, type ServerId, type Term } from '../core/wire/ids.ts'
import { payloadsOf, type Run } from '../core/wire/run.ts'
import { Findings } from './checkers/findings.ts'
import type { AppliedRequest, CheckResult, CommittedEntry } from './checkers/types.ts'

type Replica = NonNullable<ServerMachine['core']['replica']>

/** What was last seen of one server, to look only at what changed. */
interface Seen {
  commit: Index
  applied: Index
  last: Index
  lastTerm: Term
  role: string
  readonly requests: Map<number, number>
}

/**
 * Watches all servers of a world after every step, and keeps the log that they committed (the invariants are those of openraft's simulator).
 * Not here: what a single machine can see of itself (its own `checkInvariants`), and what clients saw (the checkers).
 */
export class Witness {
  readonly log: CommittedEntry[] = []
  readonly applied: AppliedRequest[] = []
  readonly #seen = new Map<ServerId, Seen>()
  readonly #machines = new Map<ServerId, ServerMachine>()
  readonly #leaders = new Map<Term, ServerId>()
  /** Hash of the entry at an index in a term, with the term of the one before it (Log Matching). */
  readonly #entries = new Map<string, string>()
  readonly #digests = new Map<Index, { readonly digest: string; readonly server: ServerId }>()
  readonly #checks = {
    'election-safety': new Findings('election-safety'),
    'log-matching': new Findings('log-matching'),
    'leader-completeness': new Findings('leader-completeness'),
    'state-machine-safety': new Findings('state-machine-safety'),
    'committed-on-quorum': new Findings('committed-on-quorum'),
    'committed-immutable': new Findings('committed-immutable'),
    'state-ordering': new Findings('state-ordering'),
    monotonic: new Findings('monotonic'),
  }
  /** Damage was found on a disk: what a quorum once held durably may be held by fewer now. */
  quorumMayBeDamaged = false
  leaderChanges = 0

  get results(): readonly CheckResult[] {
    return Object.values(this.#checks).map((findings) => findings.result())
  }

  get violated(): boolean {
    return Object.values(this.#checks).some((findings) => findings.result().violations.length > 0)
  }

  /** A server started, or started again: what it shows may be less than before, never different. */
  started(machine: ServerMachine): void {
    this.#machines.set(machine.id, machine)
    const requests = this.#seen.get(machine.id)?.requests ?? new Map<number, number>()
    this.#seen.set(machine.id, { commit: 0, applied: 0, last: 0, lastTerm: 0, role: 'follower', requests })
  }

  /** To be called after each step of a server. */
  observe(machine: ServerMachine): void {
    const { replica, state } = machine.core
    const seen = this.#seen.get(machine.id)
    if (replica === undefined || seen === undefined) return
    const { lastIndex, lastTerm } = replica.log
    if (lastIndex !== seen.last || lastTerm !== seen.lastTerm) this.#matchLog(replica, seen)
    if (replica.role !== seen.role) this.#roleChanged(replica, seen)
    if (replica.commit !== seen.commit) this.#committed(machine.id, replica, seen)
    if (state.appliedIndex !== seen.applied) this.#appliedMore(machine, seen)
  }

  #matchLog(replica: Replica, seen: Seen): void {
    const from = Math.max(replica.log.baseIndex + 1, Math.min(seen.commit, replica.commit) + 1)
    const findings = this.#checks['log-matching']
    for (const run of replica.log.slice(from, replica.log.lastIndex, Number.MAX_SAFE_INTEGER)) {
      for (const [index, hash] of hashesOf(run)) {
        const key = `${index}:${run.term}`
        const full = `${replica.log.termAt(index - 1) ?? '?'} ${hash}`
        const known = this.#entries.get(key)
        if (known === undefined || known.startsWith('?')) this.#entries.set(key, full)
        const equal =
          known === undefined ||
          known === full ||
          (sameEntry(known, full) && (known.startsWith('?') || full.startsWith('?')))
        findings.expect(
          equal,
          () => `${nameOf(replica.id)} has another entry ${index} of term ${run.term}: ${full}, elsewhere ${known}`,
        )
      }
    }
    seen.last = replica.log.lastIndex
    seen.lastTerm = replica.log.lastTerm
  }

  #roleChanged(replica: Replica, seen: Seen): void {
    seen.role = replica.role
    if (replica.role !== 'leader') return
    const known = this.#leaders.get(replica.term)
    this.#checks['election-safety'].expect(
      known === undefined || known === replica.id,
      () => `${nameOf(replica.id)} and ${known} both lead term ${replica.term}`,
    )
    this.#leaders.set(replica.term, replica.id)
    this.leaderChanges++
    const findings = this.#checks['leader-completeness']
    for (let index = replica.log.baseIndex + 1; index <= this.log.length; index++) {
      const term = this.log[index - 1]?.term
      findings.expect(
        replica.log.termAt(index) === term,
        () => `${nameOf(replica.id)} leads term ${replica.term} without committed entry ${index} of term ${term}`,
      )
    }
  }

  #committed(id: ServerId, replica: Replica, seen: Seen): void {
    this.#checks.monotonic.expect(
      replica.commit >= seen.commit,
      () => `the commit index of ${nameOf(id)} fell to ${replica.commit}`,
    )
    const from = Math.max(seen.commit, replica.log.baseIndex) + 1
    for (const run of replica.log.slice(from, replica.commit, Number.MAX_SAFE_INTEGER)) this.#compareRun(id, run)
    if (replica.role === 'leader') this.#onQuorum(replica)
    seen.commit = replica.commit
  }

  #compareRun(id: ServerId, run: Run): void {
    const findings = this.#checks['committed-immutable']
    for (const [index, payload] of payloadsOf(run)) {
      const hash = entryHash(run, payload)
      const known = this.log[index - 1]
      if (known === undefined && index === this.log.length + 1) {
        const { term, stampMs, kind } = run
        this.log.push({ index, term, stampMs, kind, payload: payload.slice(), hash })
        findings.expect(true, () => '')
      } else {
        findings.expect(
          known?.hash === hash,
          () =>
            `${nameOf(id)} committed ${hash} at ${index}, ${known === undefined ? 'behind a gap' : `elsewhere ${known.hash}`}`,
        )
      }
    }
  }

  /** What a leader commits, a majority of its voters holds durably at that moment. */
  #onQuorum(replica: Replica): void {
    if (this.quorumMayBeDamaged) return
    const term = replica.log.termAt(replica.commit)
    for (const half of [replica.members.voters, replica.members.outgoing]) {
      if (half.length === 0) continue
      const holders = half.filter((id) => {
        const other = this.#machines.get(id)?.core.replica
        if (other === undefined || other.view.durable < replica.commit) return false
        return other.log.baseIndex >= replica.commit || other.log.termAt(replica.commit) === term
      })
      this.#checks['committed-on-quorum'].expect(
        holders.length * 2 > half.length,
        () => `entry ${replica.commit} was committed on ${holders.length} of ${half.length} voters`,
      )
    }
  }

  #appliedMore(machine: ServerMachine, seen: Seen): void {
    const { replica, state, storage, id } = machine.core
    if (replica === undefined) return
    const { appliedIndex } = state
    this.#checks.monotonic.expect(appliedIndex >= seen.applied, () => `${nameOf(id)} went back to ${appliedIndex}`)
    const ordered =
      replica.log.baseIndex <= appliedIndex && appliedIndex <= replica.commit && storage.snapshotDurable <= appliedIndex
    this.#checks['state-ordering'].expect(
      ordered,
      () =>
        `${nameOf(id)}: compacted ${replica.log.baseIndex}, snapshot ${storage.snapshotDurable}, applied ${appliedIndex}, committed ${replica.commit}`,
    )
    this.#compareDigest(machine)
    for (const [client, { last }] of state.clients()) this.#noteRequests(machine, seen, client, last)
    seen.applied = appliedIndex
  }

  #compareDigest(machine: ServerMachine): void {
    const { state, id } = machine.core
    const digest = state.digest()
    const known = this.#digests.get(state.appliedIndex)
    if (known === undefined) this.#digests.set(state.appliedIndex, { digest, server: id })
    this.#checks['state-machine-safety'].expect(
      known === undefined || known.digest === digest,
      () =>
        `at ${state.appliedIndex} the state of ${nameOf(id)} is ${digest}, that of ${known?.server} was ${known?.digest}`,
    )
  }

  #noteRequests(machine: ServerMachine, seen: Seen, client: number, last: number): void {
    const before = seen.requests.get(client) ?? 0
    if (last <= before) return
    seen.requests.set(client, last)
    for (const { number, index } of machine.core.state.results(client as never, before + 1)) {
      this.applied.push({ server: nameOf(machine.id), index, client, number })
    }
  }
}

function* hashesOf(run: Run): Generator<readonly [Index, string]> {
  for (const [index, payload] of payloadsOf(run)) yield [index, entryHash(run, payload)]
}

function entryHash(run: Run, payload: Uint8Array): string {
  return `${run.term} ${run.kind} ${run.stampMs} ${crc32c(payload).toString(16)}`
}

function sameEntry(a: string, b: string): boolean {
  return a.slice(a.indexOf(' ')) === b.slice(b.indexOf(' '))
}
