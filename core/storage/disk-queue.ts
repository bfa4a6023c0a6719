import { unreachable } from '../lib/assert.ts'
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
    this.#ops.push(numbered(order, id))
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

/** Member by member: to copy objects of several shapes by spreading them is many times slower. */
function numbered(order: DiskOrder, id: number): DiskOp {
  switch (order.op) {
    case 'create':
      return { op: 'create', id, file: order.file, bytes: order.bytes }
    case 'write':
      return { op: 'write', id, file: order.file, offset: order.offset, bytes: order.bytes, sync: order.sync }
    case 'rename':
      return { op: 'rename', id, file: order.file, to: order.to }
    case 'remove':
      return { op: 'remove', id, file: order.file }
    default:
      return unreachable(order)
  }
}
