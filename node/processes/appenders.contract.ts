import type { Cluster } from '../cluster.ts'
import { CoterieError } from '../errors.ts'
import { pause } from './process-group.contract.ts'

const space = 'appended'
const documentCount = 40

/** What became of every value that was ever sent. */
export class Ledger {
  readonly acknowledged = new Set<string>()
  readonly notExecuted = new Set<string>()
  readonly unknown = new Set<string>()

  get size(): number {
    return this.acknowledged.size + this.notExecuted.size + this.unknown.size
  }
}

export function keyOf(value: string): string {
  const [, number = ''] = value.split('-')
  return `d${Number(number) % documentCount}`
}

/** The documents that values are appended to, empty. */
export async function createDocuments({ documents }: Cluster): Promise<void> {
  await documents.transact(Array.from({ length: documentCount }, (_, at) => ({ space, key: `d${at}`, create: [] })))
}

/** Every value that the group holds, with the document that holds it. */
export async function readAll({ documents }: Cluster): Promise<readonly (readonly [key: string, value: string])[]> {
  const { keys } = await documents.list(space)
  const pages = await Promise.all(
    keys.map(async (key) => {
      const found = await documents.get<readonly string[]>(space, key)
      return (found?.value ?? []).map((value) => [key, value] as const)
    }),
  )
  return pages.flat()
}

/** A client that appends one new value after the other, a window of them at a time, and notes what becomes of each. */
export class Appender {
  readonly cluster: Cluster
  readonly #ledger: Ledger
  readonly #name: string
  #last = 0

  constructor(name: string, cluster: Cluster, ledger: Ledger) {
    this.#name = name
    this.cluster = cluster
    this.#ledger = ledger
  }

  /** Goes on until `isOver`, and resolves when the fate of every value is known. */
  async run(window: number, isOver: () => boolean): Promise<void> {
    const lane = async () => {
      while (!isOver()) await this.append()
    }
    await Promise.all(Array.from({ length: window }, lane))
  }

  async append(): Promise<void> {
    const value = `${this.#name}-${++this.#last}`
    const key = keyOf(value)
    try {
      await this.cluster.documents.transact([{ space, key, ops: [{ op: 'append', path: [], values: [value] }] }])
      this.#ledger.acknowledged.add(value)
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error
      if (error.executed === 'no') this.#ledger.notExecuted.add(value)
      else this.#ledger.unknown.add(value)
      // Whoever is refused at once does not ask again at once.
      await pause(10)
    }
  }
}
