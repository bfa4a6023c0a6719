import { type Members, sameMembers } from '../consensus/members.ts'
import { Replica } from '../consensus/replica.ts'
import type { ReplicaEffect } from '../consensus/replica-state.ts'
import type { Machine, Millis } from '../machine.ts'
import { ReplicatedState } from '../state/replicated-state.ts'
import type { HistoryId, Index, ServerId } from '../wire/ids.ts'
import type { Status } from '../wire/message.ts'
import type { Run } from '../wire/run.ts'
import { Applier } from './applier.ts'
import { type Booted, type BootRefused, boot } from './boot.ts'
import { Checkpoints } from './checkpoints.ts'
import { ClientStreams } from './client-streams.ts'
import type { ServerCore } from './core.ts'
import { Door } from './door.ts'
import { Expiry } from './expiry.ts'
import { Formation, historyIn } from './formation.ts'
import type { ServerEffect, ServerInput, StopReason } from './io.ts'
import { Membership } from './membership.ts'
import type { ServerBoot, ServerOptions } from './options.ts'
import { Orders } from './orders.ts'
import { Peers } from './peers.ts'
import { Proposals } from './proposals.ts'
import { type Removal, Removals } from './removal.ts'
import { Shutdown } from './shutdown.ts'
import { SnapshotMaker } from './snapshot-maker.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'
import { roleOf, statusOf } from './status.ts'
import { Switchboard, type WholeServer } from './switchboard.ts'

/**
 * One server: composes consensus, storage, the replicated state, its peers and its clients into one machine.
 * Invariant: inputs only change what is held in memory; a `turn` flushes, replicates, applies and answers, so that
 * everything which arrived in one event-loop turn shares one write per peer and one flush.
 * Not here: any rule of those parts. This class routes.
 */
export class ServerMachine implements Machine<ServerInput, ServerEffect>, WholeServer {
  readonly #core: ServerCore
  readonly #start: Booted['start']
  readonly #peers: Peers
  readonly #door: Door
  readonly #formation: Formation
  readonly #membership: Membership
  readonly #proposals: Proposals
  readonly #streams: ClientStreams
  readonly #expiry: Expiry
  readonly #checkpoints: Checkpoints
  readonly #maker: SnapshotMaker
  readonly #sender: SnapshotSender
  readonly #receiver: SnapshotReceiver
  readonly #applier: Applier
  readonly #shutdown: Shutdown
  readonly #removals: Removals
  readonly #orders: Orders
  readonly #switchboard: Switchboard
  #told = ''
  #toldMembers: Members | undefined
  /** The history that others know this server to be part of, from its greetings. */
  #greetedIn: HistoryId | undefined
  /** The term in which this server leads, or 0. */
  #ledTerm = 0

  /** Opens what an earlier life of the server left. A folder of somebody else is refused, untouched. */
  static open(options: ServerOptions, given: ServerBoot, now: Millis): ServerMachine | BootRefused {
    const booted = boot(options, given, now)
    return 'refused' in booted ? booted : new ServerMachine(booted, given)
  }

  private constructor(booted: Booted, given: ServerBoot) {
    const { core, recovered, start } = booted
    this.#core = core
    this.#start = start
    this.#peers = new Peers(core)
    this.#door = new Door(core)
    this.#formation = new Formation(core, this.#peers, booted.historyBytes[0], given.wallMs)
    this.#membership = new Membership(core, this.#peers)
    this.#proposals = new Proposals(core)
    this.#streams = new ClientStreams(core, this.#proposals)
    this.#expiry = new Expiry(core, this.#streams, this.#proposals)
    this.#checkpoints = new Checkpoints(core)
    this.#maker = new SnapshotMaker(core, start.log.baseIndex)
    this.#sender = new SnapshotSender(core)
    this.#receiver = new SnapshotReceiver(
      core,
      () => ReplicatedState.restorer(core.options.state),
      () => this.#maker.giveWay(),
    )
    this.#applier = new Applier(core, this.#streams, this.#checkpoints, this.#expiry, this.#maker)
    this.#shutdown = new Shutdown(core, this.#peers)
    this.#removals = new Removals(core, this.#door, this.#shutdown)
    this.#orders = new Orders(core, this.#peers, this.#formation, this.#membership, booted.historyBytes[1])
    this.#switchboard = new Switchboard(
      {
        core,
        peers: this.#peers,
        door: this.#door,
        formation: this.#formation,
        membership: this.#membership,
        streams: this.#streams,
        checkpoints: this.#checkpoints,
        sender: this.#sender,
        receiver: this.#receiver,
        shutdown: this.#shutdown,
        removals: this.#removals,
      },
      this,
    )
    core.saveName()
    if (!recovered.empty) this.#startReplica()
    core.foundHistory = historyIn(recovered.runs)
    this.#greetedIn = core.history
    if (recovered.torn) core.emit({ kind: 'torn-tail', lastIndex: start.log.lastIndex })
    if (recovered.damage !== undefined) core.emit({ kind: 'damage-found', ...recovered.damage })
  }

  get id(): ServerId {
    return this.#core.id
  }

  /** Reads for the simulator, its checkers and `status`; nothing of it may be changed. */
  get core(): Readonly<Pick<ServerCore, 'replica' | 'state' | 'storage' | 'stopped' | 'history' | 'serves' | 'id'>> {
    return this.#core
  }

  status(): Status {
    return statusOf(this.#core, this.#peers, this.#formation, this.#membership)
  }

  step(input: ServerInput, now: Millis): readonly ServerEffect[] {
    const core = this.#core
    if (core.stopped) return []
    core.now = now
    if (input.kind === 'turn') this.#turn()
    else this.#take(input)
    this.#settle()
    return core.takeEffects()
  }

  nextDeadline(): Millis | undefined {
    const core = this.#core
    if (core.stopped) return undefined
    if (this.#applier.hasBacklog || this.#maker.wantsTurn) return core.now
    const deadlines = [
      this.#peers.nextDeadline(),
      this.#formation.nextDeadline(),
      this.#membership.nextDeadline(),
      this.#expiry.nextDeadline(),
      this.#sender.nextDeadline(),
      this.#shutdown.nextDeadline(),
      this.#removals.nextDeadline(),
      this.#orders.nextDeadline(),
      this.#door.nextDeadline(),
      core.replica?.nextDeadline(),
      core.storage.nextDeadline(),
    ]
    let next: Millis | undefined
    for (const deadline of deadlines)
      if (deadline !== undefined && (next === undefined || deadline < next)) next = deadline
    return next
  }

  checkInvariants(): void {
    const { replica, state, storage, stopped } = this.#core
    if (stopped) return
    replica?.checkInvariants()
    storage.checkInvariants()
    state.checkInvariants()
  }

  #take(input: Exclude<ServerInput, { kind: 'turn' }>): void {
    const core = this.#core
    switch (input.kind) {
      case 'tick':
        this.#tick()
        return
      case 'accepted':
        this.#door.onAccepted(input.link, input.remote)
        return
      case 'connected':
        this.#peers.onConnected(input.link)
        this.#sender.onConnected(input.link)
        return
      case 'frame':
        this.#switchboard.onFrame(input.link, input.frame)
        return
      case 'closed':
        this.#switchboard.onClosed(input.link, input.refused, input.unread === true)
        return
      case 'disk-done':
        core.storage.done(input, core.now)
        core.replica?.storageProgressed(core.now)
        return
      case 'shutdown':
        this.#shutdown.begin()
        return
      case 'transfer':
        this.#orders.transfer(input.to)
        return
      case 'recover':
        this.#orders.recover()
    }
  }

  #tick(): void {
    this.#peers.tick()
    this.#formation.tick()
    this.#core.replica?.tick(this.#core.now)
    this.#membership.tick()
    this.#expiry.tick()
    this.#sender.tick()
    this.#removals.tick()
    this.#orders.tick()
    this.#switchboard.tick()
    const end = this.#shutdown.tick()
    if (end !== undefined) this.#stop('stopped', end, false)
  }

  #turn(): void {
    const core = this.#core
    this.#proposals.turn()
    this.#streams.beginRound()
    core.replica?.turn()
    core.storage.turn(core.now)
    core.replica?.storageProgressed(core.now)
    this.#receiver.turn()
    this.#install()
    this.#applier.turn()
    this.#orders.turn()
    this.#keepToHistory()
    this.#streams.flush()
    if (core.replica !== undefined) this.#maker.turn(!this.#receiver.isBusy)
  }

  /** A connection belongs to one history: who was greeted in another one must say hello, and be told, again. */
  #keepToHistory(): void {
    const { history } = this.#core
    const before = this.#greetedIn
    if (before === history) return
    this.#greetedIn = history
    if (before === undefined) return
    this.#streams.endHistory()
    this.#peers.hangUpAll('another history')
    this.#switchboard.dismissAll('another history')
  }

  /** Carries out what the replica wants, founds if it is time, and notices failures of the storage. */
  #settle(): void {
    const core = this.#core
    const founding = this.#formation.takeFounding()
    if (founding !== undefined) {
      this.adopt(founding)
      core.replica?.campaignSoon(core.now)
    }
    for (
      let effects = core.replica?.takeEffects() ?? [];
      effects.length > 0;
      effects = core.replica?.takeEffects() ?? []
    ) {
      for (const effect of effects) this.#carryOut(effect)
    }
    this.#tellRole()
    for (const op of core.storage.takeOps()) core.push({ kind: 'disk', op })
    const { failure } = core.storage
    if (failure !== undefined && !core.stopped) {
      this.#stop(failure.code === 'ENOSPC' ? 'disk-full' : 'disk-failed', failure.message, failure.burnt)
    }
  }

  #carryOut(effect: ReplicaEffect): void {
    const core = this.#core
    switch (effect.kind) {
      case 'send':
        this.#switchboard.sendTo(effect.to, effect.message)
        return
      case 'members':
        this.#tellMembers(effect.index, effect.members)
        return
      case 'need-snapshot':
        this.#sender.begin(effect.to)
        return
      case 'repaired':
        core.storage.repaired()
        core.emit({ kind: 'repaired', index: effect.index })
    }
  }

  /** A snapshot or a truncation may bring the members that were told already. */
  #tellMembers(index: Index, members: Members): void {
    if (this.#toldMembers !== undefined && sameMembers(this.#toldMembers, members)) return
    this.#toldMembers = members
    this.#removals.membersChanged()
    const { voters, learners } = members
    this.#core.emit({ kind: 'members', index, voters, learners })
  }

  #tellRole(): void {
    const core = this.#core
    const ledTerm = core.replica?.role === 'leader' ? core.replica.term : 0
    if (this.#ledTerm !== 0 && this.#ledTerm !== ledTerm) this.#stopLeading()
    this.#ledTerm = ledTerm
    const role = roleOf(core, this.#formation)
    const term = core.replica?.term ?? 0
    const told = `${role} ${term} ${core.leaderName ?? ''}`
    if (told === this.#told) return
    this.#told = told
    core.emit({ kind: 'role', role, term, leader: core.leaderName })
  }

  #stopLeading(): void {
    for (const link of this.#streams.stopServing()) this.#door.dismiss(link, 'this server stopped leading')
    this.#sender.stop()
    this.#proposals.clear()
    this.#expiry.clear()
    this.#membership.clear()
  }

  #startReplica(): void {
    const core = this.#core
    const { options } = core
    const { electionMsMin, heartbeatMs, rankMs, rushMs } = options.timing
    const { inflightMessagesMax, inflightBytesMax, appendBytesMax, uncommittedBytesMax } = options.limits
    core.replica = new Replica(
      {
        id: core.id,
        electionMsMin,
        heartbeatMs,
        rankMs,
        rushMs,
        inflightMessagesMax,
        inflightBytesMax,
        appendBytesMax,
        uncommittedBytesMax,
      },
      core.storage,
      core.prng,
      this.#start,
      core.now,
    )
  }

  ensureReplica(): void {
    if (this.#core.replica === undefined) this.#startReplica()
  }

  adopt(founding: readonly Run[]): void {
    this.ensureReplica()
    this.#core.foundHistory = historyIn(founding)
    this.#core.replica?.adopt(founding)
  }

  #install(): void {
    const installed = this.#receiver.takeInstalled()
    const core = this.#core
    if (installed === undefined || core.replica === undefined) return
    core.replica.installSnapshot(installed.index, installed.term, installed.state.clockMs, installed.members)
    core.state = installed.state
    core.clock.observe(installed.state.clockMs, core.now)
    this.#checkpoints.reset()
    this.#maker.installed(installed.index)
    core.emit({ kind: 'snapshot-installed', index: installed.index })
  }

  diverged(index: number): void {
    this.#core.emit({ kind: 'diverged', index })
    this.#stop('diverged', `the state at index ${index} differs from that of an equal majority`, true)
  }

  removed({ reason, text }: Removal): void {
    this.#stop(reason, text, true)
  }

  #stop(reason: StopReason, text: string, burnt: boolean): void {
    const core = this.#core
    if (core.stopped) return
    this.#peers.closeAll(reason)
    this.#sender.stop()
    this.#door.closeAll(reason)
    core.stopped = true
    this.#tellRole()
    core.push({ kind: 'stop', reason, text, burnt })
  }
}
