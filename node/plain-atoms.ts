import { endianness } from 'node:os'
import { types } from 'node:util'
import { unreachable } from '../core/lib/assert.ts'
import { type BinaryType, binaryTypes, elementBytes, type ObjectAtom } from '../core/wire/value.ts'

/** Objects that are shared as one value each, by copy: two references to one of them come back as two objects. */

const errorTypes: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** What an error has of its own without anybody having put it there. */
const errorFields: ReadonlySet<string> = new Set(['name', 'message', 'stack'])

/**
 * A class of ours or of somebody else's beneath a built-in one, or fields added to an object: neither would come back.
 */
export interface Unfit {
  readonly unfit: string
}

/** The atom for a Date, RegExp, URL, Error, typed array, DataView or ArrayBuffer; undefined for any other object. */
export function atomOf(object: object): ObjectAtom | Unfit | undefined {
  if (ArrayBuffer.isView(object) || types.isAnyArrayBuffer(object)) return binaryOf(object)
  if (types.isDate(object)) return plainly(object, 'Date', { kind: 'date', ms: Date.prototype.getTime.call(object) })
  if (types.isRegExp(object)) {
    return plainly(object, 'RegExp', { kind: 'regexp', source: object.source, flags: object.flags })
  }
  if (object instanceof URL) return plainly(object, 'URL', { kind: 'url', text: object.href })
  if (types.isNativeError(object)) return errorOf(object)
  return undefined
}

/**
 * The object that an atom stands for. Throws where this runtime has no such thing, as for a RegExp with a flag unknown
 * to it.
 */
export function objectOf(atom: ObjectAtom): object {
  switch (atom.kind) {
    case 'date':
      return new Date(atom.ms)
    case 'regexp':
      return new RegExp(atom.source, atom.flags)
    case 'url':
      return new URL(atom.text)
    case 'error':
      return errorFrom(atom)
    case 'binary':
      return viewOf(atom.type, atom.bytes)
    default:
      return unreachable(atom)
  }
}

/** Whether an object is of the built-in class itself, in whichever realm, and not of a class derived from it. */
export function isExactly(object: object, className: string): boolean {
  const made = constructorOf(object)
  if (made === undefined || made.name !== className) return false
  return made === URL || Function.prototype.toString.call(made).endsWith('{ [native code] }')
}

/** What the object's own class is called, for people. */
export function classNameOf(object: object): string {
  const name = constructorOf(object)?.name
  return name === undefined || name === '' ? 'a class without a name' : name
}

/** What the object's prototype names as its constructor; a field of that name on the object itself is data. */
function constructorOf(object: object): { readonly name: string } | undefined {
  const prototype: unknown = Object.getPrototypeOf(object)
  const made = typeof prototype === 'object' && prototype !== null ? prototype.constructor : undefined
  return typeof made === 'function' ? made : undefined
}

function plainly(object: object, className: string, atom: ObjectAtom): ObjectAtom | Unfit {
  if (!isExactly(object, className)) return { unfit: `an instance of ${classNameOf(object)}` }
  return Object.keys(object).length === 0 ? atom : { unfit: `a ${className} with fields of its own` }
}

function errorOf(error: Error): ObjectAtom | Unfit {
  const { name, message, stack } = error
  if (!Object.keys(errorTypes).some((type) => isExactly(error, type))) {
    return { unfit: `an instance of ${classNameOf(error)}` }
  }
  const added = Reflect.ownKeys(error).find((key) => typeof key === 'symbol' || !errorFields.has(key))
  if (added !== undefined) return { unfit: `an error with a field of its own (${String(added)})` }
  if (typeof name !== 'string' || typeof message !== 'string') return { unfit: 'an error without a name or message' }
  return { kind: 'error', name, message, stack: typeof stack === 'string' ? stack : undefined }
}

function errorFrom(atom: Extract<ObjectAtom, { kind: 'error' }>): Error {
  const type = Object.hasOwn(errorTypes, atom.name) ? errorTypes[atom.name] : undefined
  const error = type === undefined ? new Error(atom.message) : new type(atom.message)
  const define = (name: string, value: unknown) =>
    Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false })
  if (type === undefined) define('name', atom.name)
  define('stack', atom.stack)
  return error
}

function binaryOf(object: ArrayBufferView | ArrayBufferLike): ObjectAtom | Unfit {
  const type = binaryTypeOf(object)
  if (type === undefined) return { unfit: `an instance of ${classNameOf(object)}` }
  const bytes = ArrayBuffer.isView(object)
    ? new Uint8Array(object.buffer, object.byteOffset, object.byteLength)
    : new Uint8Array(object)
  return { kind: 'binary', type, bytes: littleEndian(bytes.slice(), elementBytes[type]) }
}

/** A Buffer is a Uint8Array, and comes back as one. */
function binaryTypeOf(object: object): BinaryType | undefined {
  if (Buffer.isBuffer(object)) return 'Uint8Array'
  return binaryTypes.find((type) => isExactly(object, type))
}

const views: Readonly<Record<BinaryType, (buffer: ArrayBuffer) => object>> = {
  ArrayBuffer: (buffer) => buffer,
  DataView: (buffer) => new DataView(buffer),
  Int8Array: (buffer) => new Int8Array(buffer),
  Uint8Array: (buffer) => new Uint8Array(buffer),
  Uint8ClampedArray: (buffer) => new Uint8ClampedArray(buffer),
  Int16Array: (buffer) => new Int16Array(buffer),
  Uint16Array: (buffer) => new Uint16Array(buffer),
  Int32Array: (buffer) => new Int32Array(buffer),
  Uint32Array: (buffer) => new Uint32Array(buffer),
  Float32Array: (buffer) => new Float32Array(buffer),
  Float64Array: (buffer) => new Float64Array(buffer),
  BigInt64Array: (buffer) => new BigInt64Array(buffer),
  BigUint64Array: (buffer) => new BigUint64Array(buffer),
}

function viewOf(type: BinaryType, bytes: Uint8Array): object {
  const buffer = new ArrayBuffer(bytes.length)
  const copy = new Uint8Array(buffer)
  copy.set(bytes)
  littleEndian(copy, elementBytes[type])
  return views[type](buffer)
}

/** Elements from this machine's order of bytes to the wire's, or back, in place. */
function littleEndian(bytes: Uint8Array, size: number): Uint8Array {
  return endianness() === 'LE' ? bytes : reverseElements(bytes, size)
}

/** Turns round the bytes of each element. */
export function reverseElements(bytes: Uint8Array, size: number): Uint8Array {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse()
  return bytes
}
