import { unreachable } from '../lib/assert.ts'
import { type ByteReader, type ByteWriter, Malformed } from '../lib/bytes.ts'
import {
  type Atom,
  binaryTypes,
  type DeltaValue,
  elementBytes,
  type GraphNode,
  type Identity,
  identityOf,
  isAtom,
  keyOf,
  type MapEntry,
  nodeKinds,
  type ObjectAtom,
} from './value.ts'

/** The byte before each value. Append only. */
const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** Safe integers have one form each: from zero up, and below zero without the sign. */
  whole: 4,
  negative: 5,
  nan: 6,
  /** Every other number: fractions, infinities, -0 and what is beyond the safe integers. */
  double: 7,
  text: 8,
  bigint: 9,
  negativeBigint: 10,
  date: 11,
  regexp: 12,
  url: 13,
  error: 14,
  binary: 15,
  ref: 16,
  newRef: 17,
} as const

const dateMsMax = 8.64e15

/** Equal values have equal bytes. */
export function writeValue(writer: ByteWriter, value: DeltaValue): void {
  switch (typeof value) {
    case 'undefined':
      writer.u8(tag.undefined)
      break
    case 'boolean':
      writer.u8(value ? tag.true : tag.false)
      break
    case 'number':
      writeNumber(writer, value)
      break
    case 'string':
      writer.u8(tag.text)
      writer.text(value)
      break
    case 'bigint':
      writer.u8(value < 0n ? tag.negativeBigint : tag.bigint)
      writer.blob(magnitudeOf(value))
      break
    default:
      if (value === null) writer.u8(tag.null)
      else if (value.kind === 'ref') {
        writer.u8(tag.ref)
        writer.uint(value.ref)
      } else if (value.kind === 'new') {
        writer.u8(tag.newRef)
        writer.uint(value.position)
      } else writeObject(writer, value)
  }
}

/** Takes the one form of each value that `writeValue` makes. References come back unchecked. */
export function readValue(reader: ByteReader): DeltaValue {
  const kind = reader.u8()
  switch (kind) {
    case tag.undefined:
      return undefined
    case tag.null:
      return null
    case tag.false:
      return false
    case tag.true:
      return true
    case tag.whole:
      return reader.uint()
    case tag.negative:
      return readNegative(reader)
    case tag.nan:
      return Number.NaN
    case tag.double:
      return readDouble(reader)
    case tag.text:
      return reader.text()
    case tag.bigint:
      return readMagnitude(reader)
    case tag.negativeBigint:
      return readNegativeBigint(reader)
    case tag.ref:
      return { kind: 'ref', ref: reader.uint() }
    case tag.newRef:
      return { kind: 'new', position: reader.uint() }
    default:
      return readObject(reader, kind)
  }
}

/** Passes over a primitive as `readValue` would read it; false when something else is there. Throws `Malformed`. */
export function skipPrimitive(reader: ByteReader): boolean {
  switch (reader.u8()) {
    case tag.undefined:
    case tag.null:
    case tag.false:
    case tag.true:
    case tag.nan:
      return true
    case tag.whole:
      reader.uint()
      return true
    case tag.negative:
      readNegative(reader)
      return true
    case tag.double:
      readDouble(reader)
      return true
    case tag.text:
      reader.skipText()
      return true
    default:
      return false
  }
}

export function readAtom(reader: ByteReader): Atom {
  const value = readValue(reader)
  if (!isAtom(value)) throw new Malformed('a reference where none may be')
  return value
}

/** A node's kind and content, without its id. */
export function writeNode(writer: ByteWriter, node: GraphNode<DeltaValue>): void {
  writer.u8(nodeKinds.indexOf(node.kind))
  switch (node.kind) {
    case 'record':
      writeFields(writer, node.fields)
      break
    case 'instance':
      writer.text(node.className)
      writer.uint(node.version)
      writeFields(writer, node.fields)
      break
    case 'array':
      writeValues(writer, node.items)
      break
    case 'map':
      writer.uint(node.entries.size)
      for (const { key, value } of node.entries.values()) {
        writeValue(writer, keyOf(key))
        writeValue(writer, value)
      }
      break
    case 'set':
      writer.uint(node.items.size)
      for (const item of node.items.values()) writeValue(writer, keyOf(item))
      break
    default:
      unreachable(node)
  }
}

/** Reads a node with the given way to read its values. Throws on a field, key or member that comes twice. */
export function readNode<Value extends DeltaValue>(
  reader: ByteReader,
  read: (reader: ByteReader) => Value,
): GraphNode<Value> {
  const kind = nodeKinds[reader.u8()]
  switch (kind) {
    case 'record':
      return { kind, fields: readFields(reader, read) }
    case 'instance':
      return { kind, className: reader.text(), version: reader.uint(), fields: readFields(reader, read) }
    case 'array': {
      const items: Value[] = []
      for (let left = reader.count(); left > 0; left--) items.push(read(reader))
      return { kind, items }
    }
    case 'map':
      return { kind, entries: readEntries(reader, read) }
    case 'set': {
      const items = new Map<Identity, Value>()
      for (let left = reader.count(); left > 0; left--) {
        const item = readKey(reader, read)
        items.set(freshIdentity(items, item), item)
      }
      return { kind, items }
    }
    default:
      throw new Malformed('unknown kind of node')
  }
}

export function writeValues(writer: ByteWriter, values: readonly DeltaValue[]): void {
  writer.uint(values.length)
  for (const value of values) writeValue(writer, value)
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writer.u8(value >= 0 ? tag.whole : tag.negative)
    writer.uint(Math.abs(value))
  } else if (Number.isNaN(value)) writer.u8(tag.nan)
  else {
    writer.u8(tag.double)
    writer.f64(value)
  }
}

function readNegative(reader: ByteReader): number {
  const value = reader.uint()
  if (value === 0) throw new Malformed('a negative zero as an integer')
  return -value
}

function readDouble(reader: ByteReader): number {
  const value = reader.f64()
  if (Number.isNaN(value) || (Number.isSafeInteger(value) && !Object.is(value, -0))) {
    throw new Malformed('a number that has a shorter form')
  }
  return value
}

/** Big-endian bytes of the absolute value, none for zero. */
function magnitudeOf(value: bigint): Uint8Array {
  if (value === 0n) return new Uint8Array(0)
  const digits = (value < 0n ? -value : value).toString(16)
  const padded = digits.length % 2 === 0 ? digits : `0${digits}`
  const bytes = new Uint8Array(padded.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(padded.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

function readMagnitude(reader: ByteReader): bigint {
  const bytes = reader.blob()
  if (bytes.length === 0) return 0n
  if (bytes[0] === 0) throw new Malformed('a bigint with leading zeros')
  const digits: string[] = []
  for (const byte of bytes) digits.push((byte + 0x100).toString(16).slice(1))
  return BigInt(`0x${digits.join('')}`)
}

function readNegativeBigint(reader: ByteReader): bigint {
  const value = readMagnitude(reader)
  if (value === 0n) throw new Malformed('a negative zero as a bigint')
  return -value
}

function writeObject(writer: ByteWriter, atom: ObjectAtom): void {
  writer.u8(tag[atom.kind])
  switch (atom.kind) {
    case 'date':
      writeNumber(writer, atom.ms + 0)
      break
    case 'regexp':
      writer.text(atom.source)
      writer.text(atom.flags)
      break
    case 'url':
      writer.text(atom.text)
      break
    case 'error':
      writer.text(atom.name)
      writer.text(atom.message)
      writer.bool(atom.stack !== undefined)
      if (atom.stack !== undefined) writer.text(atom.stack)
      break
    case 'binary':
      writer.u8(binaryTypes.indexOf(atom.type))
      writer.blob(atom.bytes)
      break
    default:
      unreachable(atom)
  }
}

function readObject(reader: ByteReader, kind: number): ObjectAtom {
  switch (kind) {
    case tag.date:
      return readDate(reader)
    case tag.regexp:
      return { kind: 'regexp', source: reader.text(), flags: reader.text() }
    case tag.url:
      return { kind: 'url', text: reader.text() }
    case tag.error: {
      const name = reader.text()
      const message = reader.text()
      return { kind: 'error', name, message, stack: reader.bool() ? reader.text() : undefined }
    }
    case tag.binary:
      return readBinary(reader)
    default:
      throw new Malformed('unknown kind of value')
  }
}

function readDate(reader: ByteReader): ObjectAtom {
  const ms = readAtom(reader)
  if (typeof ms !== 'number') throw new Malformed('a date is a number')
  if (!Number.isNaN(ms) && (!Number.isSafeInteger(ms) || Object.is(ms, -0) || Math.abs(ms) > dateMsMax)) {
    throw new Malformed('a date out of range')
  }
  return { kind: 'date', ms }
}

function readBinary(reader: ByteReader): ObjectAtom {
  const type = binaryTypes[reader.u8()]
  if (type === undefined) throw new Malformed('unknown kind of typed array')
  const bytes = reader.blob()
  if (bytes.length % elementBytes[type] !== 0) throw new Malformed('a typed array ends within an element')
  return { kind: 'binary', type, bytes: bytes.slice() }
}

function writeFields(writer: ByteWriter, fields: ReadonlyMap<string, DeltaValue>): void {
  writer.uint(fields.size)
  for (const [name, value] of fields) {
    writer.text(name)
    writeValue(writer, value)
  }
}

function readFields<Value>(reader: ByteReader, read: (reader: ByteReader) => Value): Map<string, Value> {
  const fields = new Map<string, Value>()
  for (let left = reader.count(2); left > 0; left--) {
    const name = reader.text()
    if (fields.has(name)) throw new Malformed('a field comes twice')
    fields.set(name, read(reader))
  }
  return fields
}

function readEntries<Value extends DeltaValue>(
  reader: ByteReader,
  read: (reader: ByteReader) => Value,
): Map<Identity, MapEntry<Value>> {
  const entries = new Map<Identity, MapEntry<Value>>()
  for (let left = reader.count(2); left > 0; left--) {
    const key = readKey(reader, read)
    entries.set(freshIdentity(entries, key), { key, value: read(reader) })
  }
  return entries
}

function readKey<Value extends DeltaValue>(reader: ByteReader, read: (reader: ByteReader) => Value): Value {
  const key = read(reader)
  if (Object.is(key, -0)) throw new Malformed('negative zero is no key')
  return key
}

function freshIdentity(known: ReadonlyMap<Identity, unknown>, value: DeltaValue): Identity {
  const identity = identityOf(value)
  if (known.has(identity)) throw new Malformed('a key or member comes twice')
  return identity
}
