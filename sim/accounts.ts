import { must } from '../core/lib/assert.ts'
import type { Action, Balance, Ending, SeenAccount } from './history.ts'
import type { Dice } from './prng.ts'

/** The space of the accounts, which hold money that is moved and never made. */
export const accountSpace = 'accounts'
export const accountKeys: readonly string[] = ['a0', 'a1', 'a2', 'a3']
const openingBalance = 100
/** What all balances are together at every moment after the accounts were opened. */
export const moneyTotal = openingBalance * accountKeys.length

/** Draws transfers between accounts: transactions of several documents, each bound to what was seen of them. */
export class Accounts {
  readonly #dice: Dice
  readonly #seen = new Map<string, SeenAccount>()
  #isOpen = false

  constructor(dice: Dice) {
    this.#dice = dice
  }

  next(by: string): Action {
    const space = accountSpace
    if (!this.#isOpen) return { f: 'open', space, by, balances: accountKeys.map((key) => ({ key, n: openingBalance })) }
    const keys = this.#dice.shuffle(accountKeys).slice(0, this.#dice.intInclusive(2, accountKeys.length))
    const missing = keys.find((key) => !this.#seen.has(key))
    if (missing !== undefined || this.#dice.chance(1, 4))
      return { f: 'read', space, key: missing ?? must(keys[0], 'a shuffled key') }
    const seen = keys.map((key) => must(this.#seen.get(key), 'it was seen'))
    return { f: 'transfer', space, seen, moves: this.#moves(seen), by }
  }

  /** Learns balances; an account that has changed since it was seen must be read again. */
  note(action: Action, ending: Ending): void {
    if (action.space !== accountSpace) return
    if (action.f === 'open')
      this.#isOpen ||= ending.type === 'ok' || (ending.type === 'fail' && ending.code === 'EXISTS')
    if (action.f === 'transfer') this.#noteTransfer(action, ending)
    if (action.f === 'read' && ending.type === 'ok' && ending.observed.kind === 'document') {
      const { version, value } = ending.observed
      this.#learn({ key: action.key, version, n: value.n })
    }
  }

  #noteTransfer({ seen, moves }: Extract<Action, { f: 'transfer' }>, ending: Ending): void {
    if (ending.type === 'ok') for (const move of moves) this.#learn({ ...move, version: ending.observed.index })
    else for (const { key, version } of seen) if (this.#seen.get(key)?.version === version) this.#seen.delete(key)
  }

  #learn(account: SeenAccount): void {
    if ((this.#seen.get(account.key)?.version ?? 0) < account.version) this.#seen.set(account.key, account)
  }

  /** One of two or three gets what the others give. */
  #moves(seen: readonly SeenAccount[]): readonly Balance[] {
    const [first, ...others] = seen.slice(0, this.#dice.intInclusive(2, 3))
    const { key, n } = must(first, 'two accounts at least')
    const given = others.map((account) => ({ key: account.key, n: account.n, amount: this.#dice.intInclusive(1, 9) }))
    const sum = given.reduce((total, { amount }) => total + amount, 0)
    return [{ key, n: n + sum }, ...given.map((giver) => ({ key: giver.key, n: giver.n - giver.amount }))]
  }
}
