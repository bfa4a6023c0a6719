import { crc32c } from '../core/lib/crc32c.ts'
import type { ServerMachine } from '../core/server/server-machine.ts'
import { type Index, nameOf, type ServerId, type Term } from '../core/wire/ids.ts'
import { payloadsOf, type Run } from '../core/wire/run.ts'
import { Findings } from './checkers/findings.ts'
import type { AppliedRequest, CheckResult, CommittedEntry } from './checkers/types.ts'
import { EntryBook } from './entry-book.ts'
import { Promises } from './promises.ts'

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
 * Watches all servers of a world after every step, and keeps the log that they committed (the invariants are those of
 * openraft's simulator).
 * Not here: what a single machine can see of itself (its own `checkInvariants`), and what clients saw (the checkers).
 */
export class Witness {
  readonly log: CommittedEntry[] = []
  readonly applied: AppliedRequest[] = []
  readonly #seen = new Map<ServerId, Seen>()
  readonly #machines = new Map<ServerId, ServerMachine>()
  readonly #leaders = new Map<Term, ServerId>()
  readonly #entries = new EntryBook()
  readonly #digests = new Map<Index, { readonly digest: string; readonly server: ServerId }>()
  readonly #checks = {
    'election-safety': this.#findings('election-safety'),
    'log-matching': this.#findings('log-matching'),
    'leader-completeness': this.#findings('leader-completeness'),
    'state-machine-safety': this.#findings('state-machine-safety'),
    'committed-on-quorum': this.#findings('committed-on-quorum'),
    'committed-immutable': this.#findings('committed-immutable'),
    'state-ordering': this.#findings('state-ordering'),
    monotonic: this.#findings('monotonic'),
    promises: this.#findings('promises'),
  }
  readonly #promises = new Promises(this.#checks.promises)
  /** Damage was found on a disk: what a quorum once held durably may be held by fewer now. */
  quorumMayBeDamaged = false
  leaderChanges = 0
  /** Told of the step after which something did not hold. */
  onViolation: (() => void) | undefined

  get results(): readonly CheckResult[] {
    return Object.values(this.#checks).map((findings) => findings.result())
  }

  get violated(): boolean {
    return Object.values(this.#checks).some((findings) => findings.violated)
  }

  /**
   * A server started, or started again: what it shows may be less than before, never different. `rotted` bits of its
   * disk have flipped.
   */
  started(machine: ServerMachine, rotted: number): void {
    this.#machines.set(machine.id, machine)
    this.#promises.started(machine, rotted)
    const requests = this.#seen.get(machine.id)?.requests ?? new Map<number, number>()
    this.#seen.set(machine.id, { commit: 0, applied: 0, last: 0, lastTerm: 0, role: 'follower', requests })
  }

  /** To be called after each step of a server. */
  observe(machine: ServerMachine): void {
    const { replica, state } = machine.core
    const seen = this.#seen.get(machine.id)
    if (replica === undefined || seen === undefined) return
    this.#promises.observe(machine)
    const { lastIndex, lastTerm } = replica.log
    if (lastIndex !== seen.last || lastTerm !== seen.lastTerm) this.#matchLog(replica, seen)
    const { role } = replica
    if (role !== seen.role) this.#roleChanged(replica, seen)
    if (role === 'leader') this.#leadsAlone(replica)
    if (replica.commit !== seen.commit) this.#committed(machine.id, replica, seen)
    if (state.appliedIndex !== seen.applied) this.#appliedMore(machine, seen)
  }

  /** To be called for each frame that the step made the server send. */
  sent(machine: ServerMachine, frame: Uint8Array): void {
    this.#promises.sent(machine, frame)
  }

  #findings(name: string): Findings {
    return new Findings(name, () => this.onViolation?.())
  }

  #matchLog(replica: Replica, seen: Seen): void {
    const { log } = replica
    const findings = this.#checks['log-matching']
    const from = Math.max(log.baseIndex + 1, Math.min(seen.commit, replica.commit) + 1)
    for (const run of log.slice(from, log.lastIndex, Number.MAX_SAFE_INTEGER)) {
      let previousTerm = log.termAt(run.firstIndex - 1)
      for (const [index, payload] of payloadsOf(run)) {
        const known = this.#entries.note(index, run, crc32c(payload), previousTerm)
        findings.expect(
          known === undefined,
          () => `${nameOf(replica.id)} has another entry ${index} of term ${run.term} than another server: ${known}`,
        )
        previousTerm = run.term
      }
    }
    seen.last = log.lastIndex
    seen.lastTerm = log.lastTerm
    this.#configured(replica)
  }

  /** The configuration in effect is the last that the log holds: one that was cut off with its entry holds no more. */
  #configured({ id, log, membersIndex }: Replica): void {
    if (membersIndex <= log.baseIndex) return
    const run = log.slice(membersIndex, membersIndex, 1)[0]
    this.#checks['log-matching'].expect(
      run?.kind === 'members',
      () => `${nameOf(id)} goes by a configuration of entry ${membersIndex}, which is ${run?.kind ?? 'not there'}`,
    )
  }

  #roleChanged(replica: Replica, seen: Seen): void {
    seen.role = replica.role
    if (replica.role !== 'leader') return
    if (!this.#leaders.has(replica.term)) this.#leaders.set(replica.term, replica.id)
    this.leaderChanges++
    this.#elected(replica)
    const findings = this.#checks['leader-completeness']
    for (let index = replica.log.baseIndex + 1; index <= this.log.length; index++) {
      const term = this.log[index - 1]?.term
      findings.expect(
        replica.log.termAt(index) === term,
        () => `${nameOf(replica.id)} leads term ${replica.term} without committed entry ${index} of term ${term}`,
      )
    }
  }

  /**
   * A majority of each half voted for the leader; of a voter that went on to a later term nothing is known any more.
   */
  #elected({ id, term, members }: Replica): void {
    for (const half of [members.voters, members.outgoing]) {
      if (half.length === 0) continue
      const voted = half.filter((voter) => {
        const view = this.#machines.get(voter)?.core.replica?.view
        return view !== undefined && (view.term > term || (view.term === term && view.votedFor === id))
      })
      this.#checks['election-safety'].expect(
        voted.length * 2 > half.length,
        () => `${nameOf(id)} leads term ${term} by the votes of ${voted.length} of ${half.length} voters`,
      )
    }
  }

  #leadsAlone(replica: Replica): void {
    const known = this.#leaders.get(replica.term)
    if (known === replica.id) this.#checks['election-safety'].agree(1)
    else this.#checks['election-safety'].violate(`${nameOf(replica.id)} and ${known} both lead term ${replica.term}`)
  }

  #committed(id: ServerId, replica: Replica, seen: Seen): void {
    this.#checks.monotonic.expect(
      replica.commit >= seen.commit,
      () => `the commit index of ${nameOf(id)} fell to ${replica.commit}`,
    )
    const from = Math.max(seen.commit, replica.log.baseIndex) + 1
    for (const run of replica.log.slice(from, replica.commit, Number.MAX_SAFE_INTEGER)) this.#compareRun(replica, run)
    if (replica.role === 'leader') {
      this.#inOwnTerm(replica)
      this.#onQuorum(replica)
    }
    seen.commit = replica.commit
  }

  #compareRun(replica: Replica, run: Run): void {
    const findings = this.#checks['committed-immutable']
    for (const [index, payload] of payloadsOf(run)) {
      const hash = crc32c(payload)
      const known = this.log[index - 1]
      if (known === undefined && index === this.log.length + 1) {
        const { term, stampMs, kind } = run
        this.log.push({ index, term, stampMs, kind, payload: payload.slice(), hash })
        findings.agree(1)
        this.#heldByLeaders(replica, index, term)
      } else {
        findings.expect(
          known !== undefined && isSame(known, run, hash),
          () => `${nameOf(replica.id)} committed an entry of term ${run.term} at ${index}: ${describeEntry(known)}`,
        )
      }
    }
  }

  /** Whoever leads this term or a later one when an entry is first seen committed must have it. */
  #heldByLeaders(observed: Replica, index: Index, term: Term): void {
    for (const machine of this.#machines.values()) {
      const { replica } = machine.core
      if (replica === undefined || replica.role !== 'leader' || replica.term < observed.term) continue
      this.#checks['leader-completeness'].expect(
        replica.log.baseIndex >= index || replica.log.termAt(index) === term,
        () => `${nameOf(replica.id)} leads term ${replica.term} without entry ${index}, which is now committed`,
      )
    }
  }

  /** A leader commits entries of earlier terms only together with one of its own (Raft paper, figure 8). */
  #inOwnTerm(replica: Replica): void {
    const term = replica.log.termAt(replica.commit)
    this.#checks['committed-on-quorum'].expect(
      term === undefined || term === replica.term,
      () => `${nameOf(replica.id)} leads term ${replica.term} and committed entry ${replica.commit} of term ${term}`,
    )
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
        `${nameOf(id)}: compacted ${replica.log.baseIndex}, snapshot ${storage.snapshotDurable}, ` +
        `applied ${appliedIndex}, committed ${replica.commit}`,
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
      () => `at ${state.appliedIndex} ${nameOf(id)} holds the state ${digest}, ${known?.server} held ${known?.digest}`,
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

function describeEntry(entry: CommittedEntry | undefined): string {
  return entry === undefined ? 'behind a gap' : `elsewhere another one of term ${entry.term} was`
}

function isSame(known: CommittedEntry, run: Run, hash: number): boolean {
  return known.hash === hash && known.term === run.term && known.stampMs === run.stampMs && known.kind === run.kind
}
