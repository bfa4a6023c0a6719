import { ByteReader, Malformed } from '../lib/bytes.ts'
import { operationByte } from './delta-codec.ts'
import type { NodeKind } from './value.ts'
import { skipPrimitive } from './value-codec.ts'

/** Which operations of a delta may be taken as they are, by the kind of the root node. */
const plainOn: Readonly<Partial<Record<NodeKind | 'atom', readonly number[]>>> = {
  record: [operationByte('set'), operationByte('delete')],
  instance: [operationByte('set'), operationByte('delete')],
  map: [operationByte('map-set'), operationByte('map-delete'), operationByte('map-clear')],
  set: [operationByte('set-add'), operationByte('set-delete'), operationByte('set-clear')],
  array: [operationByte('append')],
}

const setByte = operationByte('set')
const deleteByte = operationByte('delete')
const mapSetByte = operationByte('map-set')
const appendByte = operationByte('append')
const withoutValue: readonly number[] = [operationByte('map-clear'), operationByte('set-clear')]

/**
 * Whether the bytes are, for certain, a delta whose operations all change the root node, have no new nodes, no path, no
 * positions and no results, and use nothing but primitives. False says nothing: then the delta has to be decoded. This
 * is what most deltas are, and looking at the bytes costs a fraction of building what they say.
 */
export function isSurelyPlain(bytes: Uint8Array, rootNode: number, rootKind: NodeKind | 'atom'): boolean {
  const plain = rootNode < 0 ? undefined : plainOn[rootKind]
  if (plain === undefined) return false
  try {
    const reader = new ByteReader(bytes)
    if (reader.uint() !== 0) return false
    for (let left = reader.count(3); left > 0; left--) if (!isPlainOperation(reader, rootNode, plain)) return false
    return reader.remaining === 0
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

function isPlainOperation(reader: ByteReader, rootNode: number, plain: readonly number[]): boolean {
  const kind = reader.u8()
  if (!plain.includes(kind)) return false
  const target = reader.uint()
  if (target !== 0 && target !== rootNode + 1) return false
  if (reader.uint() !== 0) return false
  switch (kind) {
    case setByte:
      reader.skipText()
      return skipPrimitive(reader)
    case deleteByte:
      reader.skipText()
      return true
    case mapSetByte:
      return skipPrimitive(reader) && skipPrimitive(reader)
    case appendByte:
      for (let left = reader.count(); left > 0; left--) if (!skipPrimitive(reader)) return false
      return true
    default:
      return withoutValue.includes(kind) || skipPrimitive(reader)
  }
}
