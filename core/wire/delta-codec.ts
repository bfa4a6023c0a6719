import { unreachable } from '../lib/assert.ts'
import { ByteReader, ByteWriter, Malformed } from '../lib/bytes.ts'
import {
  type Atom,
  type Delta,
  type DeltaValue,
  type GraphNode,
  isNewRef,
  type Operation,
  type Target,
} from './value.ts'
import { readAtom, readNode, readValue, writeNode, writeValue, writeValues } from './value-codec.ts'

/** Positions are the bytes on the wire: append only. */
export const operationKinds = [
  'set',
  'delete',
  'map-set',
  'map-delete',
  'map-clear',
  'set-add',
  'set-delete',
  'set-clear',
  'increment',
  'append',
  'take',
  'splice',
  'assign',
  'set-length',
  'replace-root',
] as const satisfies readonly Operation['kind'][]

/** The byte that says which operation follows. */
export function operationByte(kind: Operation['kind']): number {
  return operationKinds.indexOf(kind)
}

/** Shared, for a buffer per delta would cost more than writing a small one. */
const writer = new ByteWriter(4096)

/** The delta's bytes. A target is 0 for the root, or the node's id plus one. */
export function encodeDelta(delta: Delta): Uint8Array {
  writer.reset()
  writer.uint(delta.nodes.length)
  for (const node of delta.nodes) writeNode(writer, node)
  writer.uint(delta.operations.length)
  for (const operation of delta.operations) writeOperation(writer, operation)
  return writer.take()
}

/**
 * The delta with these bytes; every new node it refers to is in its list. Shares nothing with `bytes`. Throws
 * `Malformed`.
 */
export function decodeDelta(bytes: Uint8Array): Delta {
  const reader = new ByteReader(bytes)
  const count = reader.count(2)
  const nodes = count === 0 ? noNodes : readNodes(reader, count)
  const operations = readOperations(reader, count)
  reader.end()
  return { nodes, operations }
}

const noNodes: readonly GraphNode<DeltaValue>[] = []

function readNodes(reader: ByteReader, count: number): readonly GraphNode<DeltaValue>[] {
  const read = (from: ByteReader) => readDeltaValue(from, count)
  const nodes: GraphNode<DeltaValue>[] = []
  for (let left = count; left > 0; left--) nodes.push(readNode(reader, read))
  return nodes
}

/** Most deltas have one operation: the list then takes no more room than it needs. */
function readOperations(reader: ByteReader, news: number): readonly Operation[] {
  const count = reader.count(3)
  if (count === 0) return []
  const operations = [readOperation(reader, news)]
  for (let left = count; left > 1; left--) operations.push(readOperation(reader, news))
  return operations
}

function writeOperation(writer: ByteWriter, operation: Operation): void {
  writer.u8(operationKinds.indexOf(operation.kind))
  writer.uint(operation.node === 'root' ? 0 : operation.node + 1)
  writeValues(writer, operation.path)
  switch (operation.kind) {
    case 'set':
      writer.text(operation.name)
      writeValue(writer, operation.value)
      break
    case 'delete':
      writer.text(operation.name)
      break
    case 'map-set':
      writeValue(writer, operation.key)
      writeValue(writer, operation.value)
      break
    case 'map-delete':
      writeValue(writer, operation.key)
      break
    case 'set-add':
    case 'set-delete':
    case 'replace-root':
      writeValue(writer, operation.value)
      break
    case 'map-clear':
    case 'set-clear':
      break
    case 'increment':
      writeValue(writer, operation.key)
      writeValue(writer, operation.amount)
      break
    case 'append':
      writeValues(writer, operation.values)
      break
    case 'take':
      writer.bool(operation.end === 'back')
      break
    case 'splice':
      writer.uint(operation.index)
      writer.uint(operation.deleteCount)
      writeValues(writer, operation.values)
      break
    case 'assign':
      writer.uint(operation.index)
      writeValue(writer, operation.value)
      break
    case 'set-length':
      writer.uint(operation.length)
      break
    default:
      unreachable(operation)
  }
}

function readOperation(reader: ByteReader, news: number): Operation {
  const kind = operationKinds[reader.u8()]
  if (kind === undefined) throw new Malformed('unknown kind of operation')
  const { node, path } = readTarget(reader)
  switch (kind) {
    case 'set':
      return { kind, node, path, name: reader.text(), value: readDeltaValue(reader, news) }
    case 'delete':
      return { kind, node, path, name: reader.text() }
    case 'map-set':
      return { kind, node, path, key: readDeltaValue(reader, news), value: readDeltaValue(reader, news) }
    case 'map-delete':
      return { kind, node, path, key: readDeltaValue(reader, news) }
    case 'set-add':
    case 'set-delete':
    case 'replace-root':
      return { kind, node, path, value: readDeltaValue(reader, news) }
    case 'map-clear':
    case 'set-clear':
      return { kind, node, path }
    case 'increment':
      return { kind, node, path, key: readAtom(reader), amount: readAmount(reader) }
    case 'append':
      return { kind, node, path, values: readValues(reader, news) }
    case 'take':
      return { kind, node, path, end: reader.bool() ? 'back' : 'front' }
    case 'splice':
      return {
        kind,
        node,
        path,
        index: reader.uint(),
        deleteCount: reader.uint(),
        values: readValues(reader, news),
      }
    case 'assign':
      return { kind, node, path, index: reader.uint(), value: readDeltaValue(reader, news) }
    case 'set-length':
      return { kind, node, path, length: reader.uint() }
    default:
      return unreachable(kind)
  }
}

const noPath: readonly Atom[] = []

function readTarget(reader: ByteReader): Target {
  const node = reader.uint()
  const length = reader.count()
  const path = length === 0 ? noPath : readPath(reader, length)
  return { node: node === 0 ? 'root' : node - 1, path }
}

function readPath(reader: ByteReader, length: number): Atom[] {
  const path: Atom[] = []
  for (let left = length; left > 0; left--) path.push(readAtom(reader))
  return path
}

function readDeltaValue(reader: ByteReader, news: number): DeltaValue {
  const value = readValue(reader)
  if (isNewRef(value) && value.position >= news) throw new Malformed('a reference to a new node that is not there')
  return value
}

function readValues(reader: ByteReader, news: number): DeltaValue[] {
  const values: DeltaValue[] = []
  for (let left = reader.count(); left > 0; left--) values.push(readDeltaValue(reader, news))
  return values
}

function readAmount(reader: ByteReader): number | bigint {
  const amount = readAtom(reader)
  if (typeof amount !== 'number' && typeof amount !== 'bigint') throw new Malformed('an amount is a number')
  return amount
}
