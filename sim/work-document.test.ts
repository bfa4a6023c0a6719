import { describe, expect, it } from 'vitest'
import { encodeDelta } from '../core/wire/delta-codec.ts'
import { atomGraph, encodeGraph } from '../core/wire/graph-codec.ts'
import type { Operation } from '../core/wire/value.ts'
import {
  decodeWorkChanges,
  decodeWorkDocument,
  encodeAppend,
  encodeSet,
  encodeWorkDocument,
  sameWorkDocument,
} from './work-document.ts'

const document = { n: 7, by: 'w', list: ['x', 'y'] }

function changesOf(...operations: Operation[]): unknown {
  return decodeWorkChanges(encodeDelta({ nodes: [], operations }))
}

describe('documents of the workload', () => {
  it('come back from their bytes, and so do changes', () => {
    expect(decodeWorkDocument(encodeWorkDocument(document))).toEqual(document)
    expect(decodeWorkChanges(encodeSet(3, 'tag'))).toEqual([
      { kind: 'set-n', n: 3 },
      { kind: 'set-by', by: 'tag' },
    ])
    expect(decodeWorkChanges(encodeAppend('z'))).toEqual([{ kind: 'append', elements: ['z'] }])
  })

  it('are told from everything else', () => {
    expect(decodeWorkDocument(encodeGraph(atomGraph('w')))).toBeUndefined()
    expect(decodeWorkDocument(Uint8Array.of(250, 3))).toBeUndefined()
    expect(decodeWorkChanges(Uint8Array.of(250, 3))).toBeUndefined()
    expect(changesOf({ kind: 'append', node: 1, path: [], values: ['z'] })).toEqual([
      { kind: 'append', elements: ['z'] },
    ])
    expect(changesOf({ kind: 'append', node: 'root', path: ['other'], values: ['z'] })).toBeUndefined()
    expect(changesOf({ kind: 'append', node: 1, path: [], values: [4] })).toBeUndefined()
    expect(changesOf({ kind: 'set', node: 'root', path: [], name: 'other', value: 1 })).toBeUndefined()
    expect(changesOf({ kind: 'set', node: 5, path: [], name: 'n', value: 1 })).toBeUndefined()
  })

  it('are equal when every part is', () => {
    expect(sameWorkDocument(document, { ...document, list: ['x', 'y'] })).toBe(true)
    expect(sameWorkDocument(document, { ...document, n: 8 })).toBe(false)
    expect(sameWorkDocument(document, { ...document, by: 'v' })).toBe(false)
    expect(sameWorkDocument(document, { ...document, list: ['x'] })).toBe(false)
    expect(sameWorkDocument(document, { ...document, list: ['y', 'x'] })).toBe(false)
  })
})
