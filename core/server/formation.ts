import { encodeMembers, isMember, makeMembers } from '../consensus/members.ts'
import { hex } from '../lib/bytes.ts'
import type { Millis } from '../machine.ts'
import { decodeCommand, encodeCommand } from '../wire/command-codec.ts'
import { type HistoryId, type Link, nameOf, type ServerId, type ServerName } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { payloadsOf, type Run, runBytes } from '../wire/run.ts'
import type { ServerCore } from './core.ts'
import { canonicalServers } from './options.ts'
import type { Peers } from './peers.ts'

type FormAsk = Extract<Message, { kind: 'form-ask' }>
type FormAnswer = Extract<Message, { kind: 'form-answer' }>
type Form = Extract<Message, { kind: 'form' }>

/** How often the founder asks, and a server that holds nothing asks to be taken in. */
const askMs = 100
const joinMs = 250

/**
 * How a group comes to be, and how a server that holds nothing finds its place (R5).
 * The first of the sorted names founds: it asks all others to promise that they hold nothing and will found with nobody
 * else; with every promise of one round in hand it draws the history and sends the founding entries to all.
 * Invariant: a server adopts founding entries only from the founder it promised last, so a founder that died and was
 * replaced can't leave two histories behind.
 */
export class Formation {
  readonly #core: ServerCore
  readonly #peers: Peers
  readonly #historyBytes: Uint8Array
  readonly #wallMs: number
  #ask = 0
  #promises = new Map<ServerName, ServerId>()
  #promised: { readonly to: ServerId; readonly ask: number } | undefined
  #founding: readonly Run[] | undefined
  #at: Millis

  constructor(core: ServerCore, peers: Peers, historyBytes: Uint8Array, wallMs: number) {
    this.#core = core
    this.#peers = peers
    this.#historyBytes = historyBytes
    this.#wallMs = wallMs
    this.#at = core.startedAt
  }

  /** The server holds no entry of any history. */
  get isEmpty(): boolean {
    const { replica } = this.#core
    return replica === undefined || replica.log.lastIndex === 0
  }

  /** No log here says that the server was ever taken in: it holds nothing, or learned before that was decided. */
  get #isOutside(): boolean {
    const { replica, id } = this.#core
    return this.isEmpty || replica?.configurations.some(({ members }) => isMember(members, id)) === false
  }

  /** The server belongs to the group by the log it holds. */
  get isMember(): boolean {
    const { replica, id } = this.#core
    return replica !== undefined && isMember(replica.members, id)
  }

  get #founder(): ServerName | undefined {
    return [...this.#core.options.servers.keys()].sort()[0]
  }

  nextDeadline(): Millis | undefined {
    return this.#isOutside ? this.#at : undefined
  }

  tick(): void {
    if (!this.#isOutside || this.#at > this.#core.now) return
    if (this.#anyPeerHasHistory()) this.#join()
    else if (this.isEmpty && this.#founder === this.#core.name) this.#askAll()
    else this.#at = this.#core.now + askMs
  }

  onFormAsk(link: Link, from: ServerId, ask: FormAsk): void {
    if (nameOf(from) !== this.#founder) return
    if (this.isEmpty) this.#promised = { to: from, ask: ask.ask }
    this.#core.send(link, { kind: 'form-answer', ask: ask.ask, promised: this.isEmpty })
  }

  onFormAnswer(from: ServerId, answer: FormAnswer): void {
    if (!this.isEmpty || this.#ask === 0 || answer.ask !== this.#ask) return
    if (answer.promised) this.#promises.set(nameOf(from), from)
    else this.#peers.noteHistory(from)
    if (this.#promises.size === this.#core.options.servers.size - 1) this.#found()
  }

  /** Adopts founding entries; false if they are not from the founder promised last. */
  onForm(from: ServerId, form: Form): readonly Run[] | undefined {
    const promised = this.#promised
    if (!this.isEmpty || promised === undefined || promised.to !== from || promised.ask !== form.ask) return undefined
    return isFounding(form.runs) ? form.runs : undefined
  }

  /** Set when this server founds: the entries to begin the log with. Read once by the server machine. */
  takeFounding(): readonly Run[] | undefined {
    const founding = this.#founding
    this.#founding = undefined
    return founding
  }

  #askAll(): void {
    const core = this.#core
    this.#at = core.now + askMs
    const opensAt = core.listens ? core.startedAt + core.options.timing.foundingMs : core.startedAt
    if (core.now < opensAt) {
      this.#at = opensAt
      return
    }
    this.#promises.clear()
    this.#ask++
    if (core.options.servers.size === 1) this.#found()
    else for (const link of this.#peers.openLinks()) core.send(link, { kind: 'form-ask', ask: this.#ask })
  }

  #found(): void {
    const core = this.#core
    const history = hex(this.#historyBytes) as HistoryId
    const all = [core.id, ...[...this.#promises.values()].sort()]
    const voters = all.slice(0, core.options.limits.votersMax)
    const addresses = all.map((id) => [id, core.options.servers.get(nameOf(id)) ?? ''] as const)
    const stampMs = Math.max(1, Math.floor(this.#wallMs))
    const found = encodeCommand({ kind: 'found', history, servers: canonicalServers(core.options.servers) })
    const members = encodeMembers(makeMembers(voters, [], all.slice(voters.length), addresses))
    this.#founding = [
      { kind: 'data', firstIndex: 1, term: 1, stampMs, count: 1, bytes: runBytes([found]) },
      { kind: 'members', firstIndex: 2, term: 1, stampMs, count: 1, bytes: runBytes([members]) },
    ]
    for (const link of this.#peers.openLinks()) core.send(link, { kind: 'form', ask: this.#ask, runs: this.#founding })
    core.emit({ kind: 'formed', history })
  }

  #join(): void {
    const core = this.#core
    this.#at = core.now + joinMs
    const address = core.options.servers.get(core.name) ?? ''
    for (const link of this.#peers.openLinks()) core.send(link, { kind: 'join', server: core.id, address })
  }

  #anyPeerHasHistory(): boolean {
    return [...this.#core.options.servers.keys()].some((name) => this.#peers.incarnationAt(name)?.hasHistory === true)
  }
}

/** Two entries as a founder makes them: the history, and its first members. */
function isFounding(runs: readonly Run[]): boolean {
  const [found, members] = runs
  const isWhole = runs.length === 2 && found?.firstIndex === 1 && found.count === 1 && members?.kind === 'members'
  return isWhole && members.term === 1 && historyIn(runs) !== undefined
}

/** The history that a log's first entries name, if they do. */
export function historyIn(runs: readonly Run[]): HistoryId | undefined {
  const first = runs[0]
  if (first === undefined || first.kind !== 'data') return undefined
  for (const [, payload] of payloadsOf(first)) {
    const command = decodeCommand(payload)
    return command?.kind === 'found' ? command.history : undefined
  }
  return undefined
}
