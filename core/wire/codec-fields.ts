import { assert } from '../lib/assert.ts'
import { type ByteReader, type ByteWriter, hex, Malformed } from '../lib/bytes.ts'
import { isServerId, isServerName, type ServerId, type ServerName } from './ids.ts'
import { lastIndexOf, type Run, readRun, writeRun } from './run.ts'

/** How one value travels. What `write` makes, `read` gives back; `read` throws `Malformed` on anything else. */
export interface Field<T> {
  write(writer: ByteWriter, value: T): void
  read(reader: ByteReader): T
}

/** A field for each property; they travel in the order in which they are listed here. */
export type Fields<T> = { readonly [Name in keyof T]-?: Field<T[Name]> }

/**
 * The most things a list may hold: a list of tiny things must not cost its reader a hundred times the bytes that it
 * took.
 */
export const listItemsMax = 65_536

/** A whole number from 0. */
export const uint: Field<number> = {
  write: (writer, value) => writer.uint(value),
  read: (reader) => reader.uint(),
}

/** A number that counts from 1, under whatever brand. */
export function positive<T extends number = number>(): Field<T> {
  return {
    write(writer, value) {
      assert(value >= 1, 'a number that starts at 1 is lower')
      writer.uint(value)
    },
    read(reader) {
      const value = reader.uint()
      if (value === 0) throw new Malformed('a number that starts at 1 is 0')
      return value as T
    },
  }
}

/** A time with its fraction. */
export const millis: Field<number> = {
  write(writer, value) {
    assert(Number.isFinite(value), 'a time is finite')
    writer.f64(value)
  },
  read(reader) {
    const value = reader.f64()
    if (!Number.isFinite(value)) throw new Malformed('a time is not finite')
    return value
  },
}

export const bool: Field<boolean> = {
  write: (writer, value) => writer.bool(value),
  read: (reader) => reader.bool(),
}

export const text: Field<string> = {
  write: (writer, value) => writer.text(value),
  read: (reader) => reader.text(),
}

/** Bytes behind their length; those read are shared with the frame. */
export const blob: Field<Uint8Array> = {
  write: (writer, value) => writer.blob(value),
  read: (reader) => reader.blob(),
}

/** Exactly `length` bytes; those read are shared with the frame. */
export function fixed(length: number): Field<Uint8Array> {
  return {
    write(writer, value) {
      assert(value.length === length, () => `${value.length} bytes where ${length} belong`)
      writer.raw(value)
    },
    read: (reader) => reader.raw(length),
  }
}

/** Text that `is` accepts. */
function textOf<T extends string>(is: (value: string) => value is T): Field<T> {
  return {
    write(writer, value) {
      assert(is(value), () => `a malformed name: ${value}`)
      writer.text(value)
    },
    read(reader) {
      const value = reader.text()
      if (!is(value)) throw new Malformed('a malformed name')
      return value
    },
  }
}

export const serverIdField: Field<ServerId> = textOf(isServerId)
export const serverNameField: Field<ServerName> = textOf(isServerName)

/** Hex digits that `is` accepts, packed into `length` bytes. */
export function packedHex<T extends string>(length: number, is: (value: string) => value is T): Field<T> {
  return {
    write(writer, value) {
      assert(is(value) && value.length === length * 2, () => `a malformed id: ${value}`)
      for (let i = 0; i < value.length; i += 2) writer.u8(Number.parseInt(value.slice(i, i + 2), 16))
    },
    read(reader) {
      const value = hex(reader.raw(length))
      if (!is(value)) throw new Malformed('a malformed id')
      return value
    },
  }
}

/** One of a closed list of words, as its position: the list is append only. */
export function oneOf<T extends string>(words: readonly T[]): Field<T> {
  return {
    write(writer, value) {
      const position = words.indexOf(value)
      assert(position >= 0, () => `an unknown word: ${value}`)
      writer.u8(position)
    },
    read(reader) {
      const word = words[reader.u8()]
      if (word === undefined) throw new Malformed('an unknown word')
      return word
    },
  }
}

/** A value that may be missing, behind a byte that says whether it is there. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    write(writer, value) {
      writer.bool(value !== undefined)
      if (value !== undefined) field.write(writer, value)
    },
    read: (reader) => (reader.bool() ? field.read(reader) : undefined),
  }
}

/** Things of at least `bytesEach` bytes each, behind their count. */
export function list<T>(item: Field<T>, bytesEach: number): Field<readonly T[]> {
  return {
    write(writer, values) {
      assert(values.length <= listItemsMax, 'a list is too long for one message')
      writer.uint(values.length)
      for (const value of values) item.write(writer, value)
    },
    read(reader) {
      const count = reader.count(bytesEach)
      if (count > listItemsMax) throw new Malformed('a list is too long')
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(item.read(reader))
      return values
    },
  }
}

/** An object: its fields one after the other. */
export function record<T extends object>(fields: Fields<T>): Field<T> {
  const names = Object.keys(fields) as (keyof T)[]
  return {
    write(writer, value) {
      for (const name of names) fields[name].write(writer, value[name])
    },
    read(reader) {
      const value: Partial<T> = {}
      for (const name of names) value[name] = fields[name].read(reader)
      return value as T
    },
  }
}

/**
 * A run takes at least this: kind, first index, term, stamp, count, length of its bytes, and one empty payload's
 * length.
 */
const runBytesMin = 7

/** Runs that follow one another without a gap, their terms never falling. */
export const runs: Field<readonly Run[]> = {
  write(writer, given) {
    assert(followOn(given), 'runs do not follow on each other')
    anyRuns.write(writer, given)
  },
  read(reader) {
    const given = anyRuns.read(reader)
    if (!followOn(given)) throw new Malformed('runs do not follow on each other')
    return given
  },
}

const anyRuns = list<Run>({ write: writeRun, read: readRun }, runBytesMin)

function followOn(given: readonly Run[]): boolean {
  let before: Run | undefined
  for (const run of given) {
    if (!Number.isSafeInteger(run.firstIndex + run.count)) return false
    if (before !== undefined && (run.firstIndex !== lastIndexOf(before) + 1 || run.term < before.term)) return false
    before = run
  }
  return true
}
