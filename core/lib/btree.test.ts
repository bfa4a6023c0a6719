import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BTree, type BTreeView } from './btree.ts'

const compare = (a: number, b: number) => a - b

function contents(tree: BTreeView<number, string>, from?: number): [number, string][] {
  const found: [number, string][] = []
  for (const cursor = tree.cursor(from); cursor.next(); ) found.push([cursor.key, cursor.value])
  return found
}

describe('the B+-tree', () => {
  test('agrees with a sorted Map after any sequence of changes, and its views with the Map of their time', () => {
    const change = fc.record({ key: fc.nat({ max: 400 }), remove: fc.boolean(), view: fc.nat({ max: 99 }) })
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 1500, size: 'max' }),
        fc.nat({ max: 420 }),
        (changes, from) => {
          const tree = new BTree<number, string>(compare)
          const model = new Map<number, string>()
          const views: [BTreeView<number, string>, [number, string][]][] = []
          changes.forEach(({ key, remove, view }, i) => {
            if (remove && i % 3 !== 0) expect(tree.delete(key)).toBe(model.delete(key))
            else {
              tree.set(key, `${key}@${i}`)
              model.set(key, `${key}@${i}`)
            }
            if (view === 0) views.push([tree.view(), sorted(model)])
          })
          tree.checkInvariants()
          expect(tree.size).toBe(model.size)
          expect(contents(tree)).toEqual(sorted(model))
          expect(contents(tree, from)).toEqual(sorted(model).filter(([key]) => key >= from))
          for (const [view, then] of views) expect(contents(view)).toEqual(then)
          for (const { key } of changes) expect(tree.get(key)).toBe(model.get(key))
        },
      ),
      { seed: 7, numRuns: 40 },
    )
  })

  test('keeps its shape while it grows to many levels and shrinks to nothing', () => {
    const tree = new BTree<number, string>(compare)
    for (let i = 0; i < 20_000; i++) tree.set((i * 7919) % 20_000, 'x')
    tree.checkInvariants()
    expect(tree.size).toBe(20_000)
    for (let i = 0; i < 20_000; i++) {
      expect(tree.delete((i * 104_729) % 20_000)).toBe(true)
      if (i % 1000 === 0) tree.checkInvariants()
    }
    expect(tree.size).toBe(0)
    expect(contents(tree)).toEqual([])
    expect(tree.delete(1)).toBe(false)
  })

  test('keeps its shape when keys arrive in ascending order', () => {
    const tree = new BTree<number, string>(compare)
    for (let i = 0; i < 10_000; i++) tree.set(i, 'x')
    tree.checkInvariants()
    expect(contents(tree, 9_998).map(([key]) => key)).toEqual([9_998, 9_999])
  })
})

function sorted(model: Map<number, string>): [number, string][] {
  return [...model].sort(([a], [b]) => a - b)
}
