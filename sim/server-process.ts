import { assert } from '../core/lib/assert.ts'
import type { RefusalCode } from '../core/refusal.ts'
import type { ServerEffect, ServerEvent, ServerInput, StopReason } from '../core/server/io.ts'
import type { ServerBoot, ServerOptions } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import type { DiskOp } from '../core/storage/disk.ts'
import { decodeMessage, encodeMessage } from '../core/wire/codec.ts'
import type { LocalClock } from './clock.ts'
import type { SimDisk } from './disk.ts'
import type { Network } from './network.ts'
import type { Dice } from './prng.ts'
import { guarded, type ProcessWorld, SimProcess } from './process.ts'
import type { Witness } from './witness.ts'

/** What a simulated server needs beyond a process. */
export interface ServerWorld extends ProcessWorld {
  readonly network: Network
  readonly witness: Witness
  readonly diskDone: (server: ServerProcess, op: DiskOp, delayUs: number) => void
  readonly serverRefused: (code: RefusalCode) => void
  readonly serverEvent: (server: ServerProcess, event: ServerEvent) => void
  /** Its folder was lost while it was down. */
  readonly serverBurnt: (server: ServerProcess, text: string) => void
  readonly serverStopped: (server: ServerProcess, reason: StopReason, text: string) => void
}

/** Refusals of a folder that prove nothing but its loss: an operator clears it, and another incarnation begins. */
const unusable: ReadonlySet<string> = new Set(['BURNT', 'DAMAGED_IDENTITY'])

/** What the frame of a refusal begins with, so that no other is decoded to count them. */
const refusedByte = encodeMessage({ kind: 'refused', code: 'BUSY', what: 'request', read: 0, leader: '' })[0]

/** A server on a host of its own, with a disk that outlives it. */
export class ServerProcess extends SimProcess<ServerInput, ServerEffect> {
  readonly address: string
  readonly disk: SimDisk
  readonly #options: ServerOptions
  readonly #world: ServerWorld
  readonly #dice: Dice
  /** Why the server will not be started again by a supervisor; undefined while it may be. */
  finished: StopReason | undefined
  server: ServerMachine | undefined
  /** It was told to shut down, and will soon be gone. */
  isShuttingDown = false

  constructor(
    world: ServerWorld,
    number: number,
    options: ServerOptions,
    clock: LocalClock,
    disk: SimDisk,
    dice: Dice,
  ) {
    super(world, options.name, number, clock)
    this.#world = world
    this.#options = options
    this.#dice = dice
    this.disk = disk
    this.address = options.servers.get(options.name) ?? ''
  }

  get isDurable(): boolean {
    return this.#options.durability === 'fsync'
  }

  /** Starts the process; false when it refused its own folder. */
  start(): void {
    assert(this.machine === undefined, () => `${this.name} runs already`)
    const { nowMs } = this
    const boot: ServerBoot = {
      entropy: this.#dice.bytes(64),
      wallMs: this.clock.wallMs(this.#world.nowUs()),
      disk: this.isDurable ? this.disk.reader() : undefined,
      listens: true,
    }
    const server = guarded(this.name, () => ServerMachine.open(this.#options, boot, nowMs))
    if ('refused' in server) {
      if (!unusable.has(server.refused)) throw new Error(`${this.name} refused its own folder: ${server.text}`)
      this.disk.wipe()
      this.#world.serverBurnt(this, server.text)
      this.start()
      return
    }
    this.finished = undefined
    this.isShuttingDown = false
    this.server = server
    this.#world.network.listen(this.name, this.address)
    this.#world.witness.started(server, this.disk.counts.rotted)
    this.begin(server)
  }

  /** SIGTERM. */
  shutDown(): void {
    this.isShuttingDown = true
    this.input({ kind: 'shutdown' })
  }

  /** kill -9, or with `power` the plug. */
  crash(power: boolean): void {
    if (this.machine !== undefined) this.#gone()
    if (power) this.disk.powerLoss()
  }

  /** The folder is gone while nothing runs: another incarnation will begin. */
  forget(): void {
    assert(this.machine === undefined, () => `${this.name} runs on the folder that it loses`)
    this.disk.wipe()
    this.server = undefined
  }

  override carryOut(effects: readonly ServerEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'dial':
          this.#world.network.dial(this.name, effect.link, effect.address)
          break
        case 'send':
          if (this.server !== undefined) this.#world.witness.sent(this.server, effect.frame)
          if (effect.frame[0] === refusedByte) this.#refused(effect.frame)
          this.#world.network.send(this.name, effect.link, effect.frame)
          break
        case 'admit':
          this.#world.network.admit(this.name, effect.link)
          break
        case 'close':
          this.#world.network.close(this.name, effect.link)
          break
        case 'disk':
          this.#world.diskDone(this, effect.op, this.disk.start(effect.op, this.#world.nowUs()))
          break
        case 'event':
          this.#world.serverEvent(this, effect.event)
          break
        case 'stop':
          this.#stop(effect.reason, effect.text, effect.burnt)
      }
    }
  }

  override afterStep(): void {
    if (this.server !== undefined) this.#world.witness.observe(this.server)
  }

  completeDisk(op: DiskOp): void {
    const error = this.disk.complete(op)
    this.input({ kind: 'disk-done', id: op.id, error })
  }

  #refused(frame: Uint8Array): void {
    const message = decodeMessage(frame)
    if (message?.kind === 'refused') this.#world.serverRefused(message.code)
  }

  #stop(reason: StopReason, text: string, burnt: boolean): void {
    this.finished = reason
    this.#gone()
    if (burnt) this.forget()
    this.#world.serverStopped(this, reason, text)
  }

  #gone(): void {
    this.#world.network.crash(this.name)
    this.disk.processCrash()
    this.end()
  }
}
