import { utf8Length } from '../core/lib/utf8.ts'
import { stateLimits } from '../core/state/limits.ts'
import { CoterieError, NotShareableError, problemsText, type UnshareableField } from './errors.ts'

/** Everything that is wrong with the arguments of one call, to be told in one error before anything is sent. */
export class Problems {
  readonly #texts: string[] = []
  readonly #unshareable: UnshareableField[] = []
  #areNamesTooLong = true

  add(text: string): void {
    this.#texts.push(text)
    this.#areNamesTooLong = false
  }

  addUnshareable(fields: readonly UnshareableField[]): void {
    for (const field of fields) this.#unshareable.push(field)
  }

  /** A key, or the name of a space, is called `name`. */
  checkName(value: unknown, name: string): void {
    if (typeof value !== 'string') {
      this.add(`${name} is ${shown(value)}; it must be a string`)
      return
    }
    const bytes = utf8Length(value)
    const { keyBytesMax } = stateLimits
    if (bytes > keyBytesMax) this.#texts.push(`${name} takes ${bytes} bytes; at most ${keyBytesMax} are accepted`)
  }

  checkVersion(version: unknown, name: string): void {
    if (!isCount(version)) this.add(`${name} is ${shown(version)}; it must be the version of a document, or 0`)
  }

  /** Throws `NotShareableError` when nothing else is wrong. */
  throwIfAny(): void {
    if (this.#texts.length === 0 && this.#unshareable.length === 0) return
    if (this.#texts.length === 0) throw new NotShareableError(this.#unshareable)
    const texts = [...this.#texts, ...this.#unshareable.map(({ path, reason }) => `${path} is ${reason}`)]
    const isTooLarge = this.#areNamesTooLong && this.#unshareable.length === 0
    throw new CoterieError(isTooLarge ? 'TOO_LARGE' : 'BAD_OPERATION', problemsText(texts))
  }
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** A value of any kind in a few words, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > shownMax ? `${value.slice(0, shownMax)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (!isObject(value)) return String(value)
  return Array.isArray(value) ? 'a list' : 'an object'
}

const shownMax = 40
