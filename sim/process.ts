import type { Machine } from '../core/machine.ts'
import type { LocalClock } from './clock.ts'
import type { Handle } from './scheduler.ts'
import type { Traced } from './trace.ts'

/** What a simulated process needs of its world. */
export interface ProcessWorld {
  readonly nowUs: () => number
  readonly wakeAt: (process: Wakeable, atUs: number) => Handle
  readonly cancel: (handle: Handle) => void
  readonly turnSoon: (process: Wakeable) => void
  /** A machine is given an input: for the hash of everything. */
  readonly stepped: (process: Wakeable, input: Traced) => void
  /** What the machine made of it, before anything of that is carried out: for the trace. */
  readonly acted: (process: Wakeable, input: Traced, effects: readonly Traced[]) => void
}

type HostInput = { readonly kind: 'tick' } | { readonly kind: 'turn' }

/** A machine threw: a bug of what is simulated, not of the simulator. */
class BrokenMachine extends Error {
  constructor(name: string, cause: unknown) {
    super(`${name}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`)
  }
}

export function isBrokenMachine(error: unknown): boolean {
  return error instanceof BrokenMachine
}

/** Calls a machine, and tells what it throws from what the simulator does. */
export function guarded<T>(name: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw new BrokenMachine(name, error)
  }
}

/** A process as the world's queue of events knows it. */
export interface Wakeable {
  readonly name: string
  readonly number: number
  readonly life: number
  wake(): void
  turn(): void
}

/**
 * One simulated process: gives a machine its inputs, the time of its own clock, and one turn after the inputs of a
 * moment. A paused process keeps what arrives and hears it all when it goes on, as after SIGSTOP.
 */
export abstract class SimProcess<Input extends Traced, Effect extends Traced> implements Wakeable {
  readonly name: string
  readonly number: number
  readonly world: ProcessWorld
  clock: LocalClock
  machine: Machine<Input | HostInput, Effect> | undefined
  isPaused = false
  /** Rises with every start: events of an earlier life are known by it. */
  life = 0
  #inbox: Input[] = []
  #wake: Handle | undefined
  #wakeUs = 0
  #turnPending = false

  constructor(world: ProcessWorld, name: string, number: number, clock: LocalClock) {
    this.world = world
    this.name = name
    this.number = number
    this.clock = clock
  }

  get isUp(): boolean {
    return this.machine !== undefined
  }

  /** The monotonic time of this process. */
  get nowMs(): number {
    return this.clock.nowMs(this.world.nowUs())
  }

  abstract carryOut(effects: readonly Effect[]): void
  abstract afterStep(): void

  input(input: Input): void {
    if (this.machine === undefined) return
    if (this.isPaused) this.#inbox.push(input)
    else this.#step(input)
  }

  wake(): void {
    this.#wake = undefined
    if (this.machine !== undefined && !this.isPaused) this.#step({ kind: 'tick' })
  }

  turn(): void {
    this.#turnPending = false
    if (this.machine === undefined || this.isPaused) return
    this.#feed({ kind: 'turn' })
    this.#arm()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    const inbox = this.#inbox
    this.#inbox = []
    for (const input of inbox) this.input(input)
    if (this.machine !== undefined) this.#step({ kind: 'tick' })
  }

  protected begin(machine: Machine<Input | HostInput, Effect>): void {
    this.machine = machine
    this.life++
    this.#turnPending = false
    this.#step({ kind: 'tick' })
  }

  protected end(): void {
    this.machine = undefined
    this.isPaused = false
    this.life++
    this.#inbox = []
    if (this.#wake !== undefined) this.world.cancel(this.#wake)
    this.#wake = undefined
  }

  #step(input: Input | HostInput): void {
    this.#feed(input)
    if (this.machine === undefined) return
    // The turn that follows looks at the deadline: whatever is due at once is done by it.
    if (this.#turnPending) return
    this.#turnPending = true
    this.world.turnSoon(this)
  }

  #feed(input: Input | HostInput): void {
    if (this.machine === undefined) return
    this.world.stepped(this, input)
    const effects = this.#take(this.machine, input)
    this.afterStep()
    this.carryOut(effects)
  }

  #take(machine: Machine<Input | HostInput, Effect>, input: Input | HostInput): readonly Effect[] {
    let effects: readonly Effect[] = []
    try {
      effects = machine.step(input, this.nowMs)
      machine.checkInvariants()
      return effects
    } catch (error) {
      throw new BrokenMachine(this.name, error)
    } finally {
      this.world.acted(this, input, effects)
    }
  }

  #arm(): void {
    const deadline = this.machine?.nextDeadline()
    if (deadline === undefined) return
    const nowUs = this.world.nowUs()
    const wakeUs = Math.max(nowUs + 1, this.clock.worldUsAt(deadline, nowUs))
    if (this.#wake !== undefined && this.#wakeUs <= wakeUs) return
    if (this.#wake !== undefined) this.world.cancel(this.#wake)
    this.#wakeUs = wakeUs
    this.#wake = this.world.wakeAt(this, wakeUs)
  }
}
