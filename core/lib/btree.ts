import { assert, must } from './assert.ts'

/** Total order of keys: negative, 0 or positive. */
export type Compare<K> = (a: K, b: K) => number

const keysMax = 64
const keysMin = 16

/**
 * A leaf when `children` is undefined. In a branch `keys[i]` is a lower bound of `children[i]`; that of child 0 is
 * never looked at.
 */
interface TreeNode<K, V> {
  readonly owner: object
  keys: K[]
  values: V[]
  children: TreeNode<K, V>[] | undefined
}

/** A sorted map that can only be read. */
export class BTreeView<K, V> {
  readonly compare: Compare<K>
  protected root: TreeNode<K, V>
  protected count: number

  /** @internal A view of nodes that nobody changes any more. */
  constructor(compare: Compare<K>, root: TreeNode<K, V> = emptyLeaf({}), count = 0) {
    this.compare = compare
    this.root = root
    this.count = count
  }

  get size(): number {
    return this.count
  }

  get(key: K): V | undefined {
    let node = this.root
    while (node.children !== undefined) node = node.children[childAt(node.keys, key, this.compare)] as TreeNode<K, V>
    const at = lowerBound(node.keys, key, this.compare)
    return at < node.keys.length && this.compare(node.keys[at] as K, key) === 0 ? node.values[at] : undefined
  }

  /** A cursor before the first key, or before the first key that is not smaller than `from`. */
  cursor(from?: K): BTreeCursor<K, V> {
    return new BTreeCursor(this.root, from, this.compare)
  }
}

/**
 * A sorted map whose past states stay readable: a B+-tree, copied on write.
 * Invariant: a node is changed in place only by the tree that owns it; taking a view changes the owner, so every node a
 * view reaches is copied before its next change. A view costs O(1), a change O(log n).
 * Not here: any change of the values. Whoever stores an object must replace it, never alter it, or views would see the
 * alteration.
 */
export class BTree<K, V> extends BTreeView<K, V> {
  #owner: object

  constructor(compare: Compare<K>) {
    const owner = {}
    super(compare, emptyLeaf(owner))
    this.#owner = owner
  }

  /** The map as it is now, whatever is done to it later. */
  view(): BTreeView<K, V> {
    this.#owner = {}
    return new BTreeView(this.compare, this.root, this.count)
  }

  /** Adds the key, or replaces the value of a key that is there (whose key object is kept). */
  set(key: K, value: V): void {
    const root = this.#own(this.root)
    const split = this.#insert(root, key, value)
    this.root = root
    if (split === undefined) return
    this.root = {
      owner: this.#owner,
      keys: [root.keys[0] as K, split.keys[0] as K],
      values: [],
      children: [root, split],
    }
  }

  /** Whether the key was there. */
  delete(key: K): boolean {
    if (this.get(key) === undefined) return false
    const root = this.#own(this.root)
    this.#remove(root, key)
    this.root = root.children?.length === 1 ? (root.children[0] as TreeNode<K, V>) : root
    this.count--
    return true
  }

  /** Throws where the tree is out of shape or order. Touches every node. */
  checkInvariants(): void {
    assert(this.#check(this.root, undefined, undefined, true) === this.count, 'the tree counts its keys wrongly')
  }

  #own(node: TreeNode<K, V>): TreeNode<K, V> {
    if (node.owner === this.#owner) return node
    return {
      owner: this.#owner,
      keys: node.keys.slice(),
      values: node.values.slice(),
      children: node.children?.slice(),
    }
  }

  #ownChild(branch: TreeNode<K, V>, at: number): TreeNode<K, V> {
    const children = must(branch.children, 'a branch has children')
    const child = this.#own(must(children[at], 'a child is missing'))
    children[at] = child
    return child
  }

  /** Returns the node's new right neighbour when it had to be split. */
  #insert(node: TreeNode<K, V>, key: K, value: V): TreeNode<K, V> | undefined {
    if (node.children === undefined) return this.#insertInLeaf(node, key, value)
    const at = childAt(node.keys, key, this.compare)
    const right = this.#insert(this.#ownChild(node, at), key, value)
    if (right === undefined) return undefined
    node.keys.splice(at + 1, 0, right.keys[0] as K)
    node.children.splice(at + 1, 0, right)
    return node.keys.length > keysMax ? this.#split(node, at + 1) : undefined
  }

  #insertInLeaf(leaf: TreeNode<K, V>, key: K, value: V): TreeNode<K, V> | undefined {
    const at = lowerBound(leaf.keys, key, this.compare)
    if (at < leaf.keys.length && this.compare(leaf.keys[at] as K, key) === 0) {
      leaf.values[at] = value
      return undefined
    }
    leaf.keys.splice(at, 0, key)
    leaf.values.splice(at, 0, value)
    this.count++
    return leaf.keys.length > keysMax ? this.#split(leaf, at) : undefined
  }

  /** Splits in the middle, or near the end when keys arrive in ascending order, so that nodes then stay well filled. */
  #split(node: TreeNode<K, V>, insertedAt: number): TreeNode<K, V> {
    const at = insertedAt === node.keys.length - 1 ? node.keys.length - keysMin : node.keys.length >> 1
    return {
      owner: this.#owner,
      keys: node.keys.splice(at),
      values: node.values.splice(at),
      children: node.children?.splice(at),
    }
  }

  #remove(node: TreeNode<K, V>, key: K): void {
    if (node.children === undefined) {
      const at = lowerBound(node.keys, key, this.compare)
      node.keys.splice(at, 1)
      node.values.splice(at, 1)
      return
    }
    const at = childAt(node.keys, key, this.compare)
    const child = this.#ownChild(node, at)
    this.#remove(child, key)
    if (child.keys.length < keysMin && node.children.length > 1) this.#join(node, Math.max(0, at - 1))
  }

  /** Joins child `at` with its right neighbour; two that don't fit in one node share their keys evenly. */
  #join(branch: TreeNode<K, V>, at: number): void {
    const left = this.#ownChild(branch, at)
    const right = this.#ownChild(branch, at + 1)
    if (right.children !== undefined) right.keys[0] = branch.keys[at + 1] as K
    left.keys = left.keys.concat(right.keys)
    left.values = left.values.concat(right.values)
    left.children = left.children?.concat(right.children ?? [])
    branch.keys.splice(at + 1, 1)
    branch.children?.splice(at + 1, 1)
    if (left.keys.length <= keysMax) return
    const split = this.#split(left, 0)
    branch.keys.splice(at + 1, 0, split.keys[0] as K)
    branch.children?.splice(at + 1, 0, split)
  }

  #check(node: TreeNode<K, V>, from: K | undefined, until: K | undefined, isRoot: boolean): number {
    const { keys, children } = node
    assert(keys.length <= keysMax && (isRoot || keys.length >= keysMin), 'a node of the tree is too full or too empty')
    for (let i = children === undefined ? 0 : 1; i < keys.length; i++) {
      const key = keys[i] as K
      assert(from === undefined || this.compare(from, key) <= 0, 'a key is left of its node')
      assert(until === undefined || this.compare(key, until) < 0, 'a key is right of its node')
      if (i > 1 || (i === 1 && children === undefined)) {
        assert(this.compare(keys[i - 1] as K, key) < 0, 'keys are out of order')
      }
    }
    if (children === undefined) return keys.length
    let count = 0
    for (let i = 0; i < children.length; i++) {
      const lower = i === 0 ? from : (keys[i] as K)
      count += this.#check(children[i] as TreeNode<K, V>, lower, i + 1 < keys.length ? keys[i + 1] : until, false)
    }
    return count
  }
}

/** Walks keys in ascending order. Valid as long as the tree it walks is not changed; a view never is. */
export class BTreeCursor<K, V> {
  readonly #nodes: TreeNode<K, V>[] = []
  readonly #positions: number[] = []

  constructor(root: TreeNode<K, V>, from: K | undefined, compare: Compare<K>) {
    let node = root
    while (node.children !== undefined) {
      const at = from === undefined ? 0 : childAt(node.keys, from, compare)
      this.#nodes.push(node)
      this.#positions.push(at)
      node = node.children[at] as TreeNode<K, V>
    }
    this.#nodes.push(node)
    this.#positions.push((from === undefined ? 0 : lowerBound(node.keys, from, compare)) - 1)
  }

  /** Moves to the next key; false behind the last one. */
  next(): boolean {
    const last = this.#nodes.length - 1
    const leaf = this.#nodes[last] as TreeNode<K, V>
    const at = (this.#positions[last] as number) + 1
    this.#positions[last] = at
    return at < leaf.keys.length || this.#nextLeaf()
  }

  get key(): K {
    const last = this.#nodes.length - 1
    return (this.#nodes[last] as TreeNode<K, V>).keys[this.#positions[last] as number] as K
  }

  get value(): V {
    const last = this.#nodes.length - 1
    return (this.#nodes[last] as TreeNode<K, V>).values[this.#positions[last] as number] as V
  }

  #nextLeaf(): boolean {
    const leafLevel = this.#nodes.length - 1
    let level = leafLevel - 1
    while (level >= 0 && (this.#positions[level] as number) + 1 >= (this.#nodes[level] as TreeNode<K, V>).keys.length) {
      level--
    }
    if (level < 0) return false
    this.#positions[level] = (this.#positions[level] as number) + 1
    for (; level < leafLevel; level++) {
      const { children } = this.#nodes[level] as TreeNode<K, V>
      this.#nodes[level + 1] = must(children?.[this.#positions[level] as number], 'a child is missing')
      this.#positions[level + 1] = 0
    }
    return true
  }
}

function emptyLeaf<K, V>(owner: object): TreeNode<K, V> {
  return { owner, keys: [], values: [], children: undefined }
}

/** Position of the first key that is not smaller than `key`. */
function lowerBound<K>(keys: readonly K[], key: K, compare: Compare<K>): number {
  let from = 0
  let until = keys.length
  while (from < until) {
    const middle = (from + until) >> 1
    if (compare(keys[middle] as K, key) < 0) from = middle + 1
    else until = middle
  }
  return from
}

/** Position of the child in whose range `key` lies. */
function childAt<K>(keys: readonly K[], key: K, compare: Compare<K>): number {
  let from = 1
  let until = keys.length
  while (from < until) {
    const middle = (from + until) >> 1
    if (compare(keys[middle] as K, key) <= 0) from = middle + 1
    else until = middle
  }
  return from - 1
}
