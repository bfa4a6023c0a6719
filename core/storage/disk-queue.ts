import type { DiskOp } from './disk.ts'

type WithoutId<Op> = Op extends DiskOp ? Omit<Op, 'id'> : never

/** A disk operation that has no number yet. */
export type DiskOrder = WithoutId<DiskOp>

/** Numbers the operations of one storage and keeps them, in order, until the host takes them. */
export class DiskQueue {
  #lastId = 0
  #ops: DiskOp[] = []

  /** Queues an operation and returns the id of its completion. */
  start(order: DiskOrder): number {
    const id = ++this.#lastId
    this.#ops.push({ ...order, id })
    return id
  }

  take(): readonly DiskOp[] {
    const ops = this.#ops
    this.#ops = []
    return ops
  }

  /** Forgets what was not taken yet. */
  clear(): void {
    this.#ops = []
  }
}
