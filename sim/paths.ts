import type { Grudge } from './grudge.ts'
import { calmPath, forkPathDice, Path, type PathDice, type PathSettings } from './path.ts'
import type { Dice } from './prng.ts'

/**
 * All paths of a network, made when they are first named, and the hands that spoil and mend them.
 * Not here: what becomes of a frame on a path.
 */
export class Paths<Held> {
  readonly #dice: PathDice
  readonly #nowUs: () => number
  readonly #scheduleRelease: (delayUs: number, path: Path<Held>) => void
  readonly #byFrom = new Map<string, Map<string, Path<Held>>>()
  #settings: PathSettings = calmPath

  constructor(dice: Dice, nowUs: () => number, scheduleRelease: (delayUs: number, path: Path<Held>) => void) {
    this.#dice = forkPathDice(dice)
    this.#nowUs = nowUs
    this.#scheduleRelease = scheduleRelease
  }

  between(from: string, to: string): Path<Held> {
    let byTo = this.#byFrom.get(from)
    if (byTo === undefined) {
      byTo = new Map()
      this.#byFrom.set(from, byTo)
    }
    let path = byTo.get(to)
    if (path === undefined) {
      path = new Path(from, to, this.#settings, this.#dice)
      byTo.set(to, path)
    }
    return path
  }

  /** Sets the weather of every path, and of those to come. */
  configureAll(settings: PathSettings): void {
    this.#settings = settings
    for (const path of this.#all()) path.settings = settings
  }

  configure(from: string, to: string, settings: PathSettings): void {
    this.between(from, to).settings = settings
  }

  /** From now on nothing that arrives gets through in this direction. */
  cut(from: string, to: string): void {
    this.between(from, to).cut = true
  }

  isCut(from: string, to: string): boolean {
    return this.between(from, to).cut
  }

  heal(from: string, to: string): void {
    this.between(from, to).cut = false
  }

  impose(grudge: Grudge): void {
    for (const [from, to] of grudge) this.cut(from, to)
  }

  lift(grudge: Grudge): void {
    for (const [from, to] of grudge) this.heal(from, to)
  }

  /**
   * What would arrive in this direction waits for so long, and then arrives in order. A longer clog swallows a shorter
   * one.
   */
  clog(from: string, to: string, durationUs: number): void {
    const path = this.between(from, to)
    const untilUs = this.#nowUs() + durationUs
    if (path.clogUntilUs !== undefined && path.clogUntilUs >= untilUs) return
    path.clogUntilUs = untilUs
    this.#scheduleRelease(durationUs, path)
  }

  /** Ends a clog before its time. */
  unclog(from: string, to: string): void {
    this.#releaseSoon(this.between(from, to))
  }

  /** Ends all cuts and clogs. The weather stays. */
  healAll(): void {
    for (const path of this.#all()) {
      path.cut = false
      this.#releaseSoon(path)
    }
  }

  /** What the path held, oldest first; nothing while a later clog still lasts. */
  release(path: Path<Held>): readonly Held[] {
    if (path.clogUntilUs === undefined || path.clogUntilUs > this.#nowUs()) return []
    return path.release()
  }

  #releaseSoon(path: Path<Held>): void {
    if (path.clogUntilUs === undefined) return
    path.clogUntilUs = this.#nowUs()
    this.#scheduleRelease(0, path)
  }

  *#all(): Generator<Path<Held>> {
    for (const byTo of this.#byFrom.values()) yield* byTo.values()
  }
}
