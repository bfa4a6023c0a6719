import type { Transaction, Write } from '../core/wire/command.ts'
import { encodeDelta } from '../core/wire/delta-codec.ts'
import { encodeGraph } from '../core/wire/graph-codec.ts'
import { ref } from '../core/wire/value.ts'

/** What the load is about: documents with one field of 100 bytes, which each commit sets. */
export const loadSpace = 'load'
export const loadDocuments = 1000
export const valueBytes = 100

/** The name of document `n`, of the same length for all. */
export function keyOf(n: number): string {
  return `document-${String(n).padStart(7, '0')}`
}

/** Values of the same length that differ from one to the next. */
const texts: readonly string[] = Array.from({ length: 64 }, (_, i) => `${i}-`.padEnd(valueBytes, 'abcdefghij'))

export function textOf(n: number): string {
  return texts[n % texts.length] ?? ''
}

export function documentBytes(n: number): Uint8Array {
  const fields = new Map([['field', textOf(n)]])
  return encodeGraph({ nodes: new Map([[0, { kind: 'record', fields }]]), root: ref(0), nextNode: 1 })
}

/** A delta that sets the field. */
export function setBytes(n: number): Uint8Array {
  return encodeDelta({
    nodes: [],
    operations: [{ kind: 'set', node: 'root', path: [], name: 'field', value: textOf(n) }],
  })
}

/** Creates the documents from `from` on, `count` of them. */
export function createDocuments(from: number, count: number): Transaction {
  const writes = Array.from({ length: count }, (_, i): Write => {
    const n = from + i
    return { kind: 'create', space: loadSpace, key: keyOf(n), value: documentBytes(n) }
  })
  return { kind: 'transaction', after: [], reads: [], writes }
}

const keys = Array.from({ length: loadDocuments }, (_, n) => keyOf(n))

/** The `n`-th commit of the load: sets the field of one document. */
export function setField(n: number): Transaction {
  const key = keys[(n * 7) % loadDocuments] ?? ''
  return {
    kind: 'transaction',
    after: [],
    reads: [],
    writes: [{ kind: 'change', space: loadSpace, key, birth: 0, delta: setBytes(n) }],
  }
}
