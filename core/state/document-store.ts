import { assert, must } from '../lib/assert.ts'
import { BTree, type BTreeView } from '../lib/btree.ts'
import type { HashSum } from '../lib/hash64.ts'
import type { DocumentKey } from '../wire/command.ts'
import type { Index } from '../wire/ids.ts'
import { documentHash, nameHash, spaceHash } from './digest.ts'
import type { DocumentEntry } from './document-entry.ts'

/** Index of the space's last create or delete, and how many documents it has, which is never none. */
export interface SpaceEntry {
  readonly space: string
  readonly version: Index
  readonly count: number
}

/** The keys of a part of a space, and whether there are more behind them. */
export interface KeyList {
  readonly keys: readonly string[]
  readonly more: boolean
}

/**
 * All documents, sorted by space and key, by code unit.
 * Invariant: a space is kept exactly as long as it has documents. An empty one has version 0, like an absent document:
 * what a transaction saw of it then still holds, for nothing is there.
 * Not here: whether a change is allowed.
 */
export class DocumentStore {
  readonly #documents = new BTree<DocumentKey, DocumentEntry>(compareNames)
  readonly #spaces = new BTree<string, SpaceEntry>(compareTexts)
  readonly #sum: HashSum
  #bytes = 0

  constructor(sum: HashSum) {
    this.#sum = sum
  }

  get count(): number {
    return this.#documents.size
  }

  /** Bytes of all documents with their deltas, without names. */
  get bytes(): number {
    return this.#bytes
  }

  get(name: DocumentKey): DocumentEntry | undefined {
    return this.#documents.get(name)
  }

  spaceVersion(space: string): Index {
    return this.#spaces.get(space)?.version ?? 0
  }

  /** Puts a document that was created or changed at `index`; `before` is what is there. */
  put(name: DocumentKey, before: DocumentEntry | undefined, entry: DocumentEntry, index: Index): void {
    assert(entry.version === index, 'a document has the version of its last change')
    const space = before?.birth === entry.birth ? name.space : this.#changeSpace(name.space, before ? 0 : 1, index)
    this.#replace(name, before, entry)
    this.#documents.set(before === undefined ? { space, key: name.key } : name, entry)
  }

  /** Removes a document, which must be there. */
  remove(name: DocumentKey, index: Index): void {
    this.#replace(name, must(this.#documents.get(name), 'a document to remove is there'), undefined)
    this.#documents.delete(name)
    this.#changeSpace(name.space, -1, index)
  }

  /** Adds a space or document of a snapshot; spaces first. */
  restoreSpace(entry: SpaceEntry): void {
    this.#spaces.set(entry.space, entry)
    this.#sum.add(spaceHash(entry.space, entry.version))
  }

  restoreDocument(name: DocumentKey, entry: DocumentEntry): void {
    this.#replace(name, undefined, entry)
    this.#documents.set(name, entry)
  }

  /**
   * Keys of a space greater than `after`, as many as fit both bounds; at least one if there is one and `keysMax` allows
   * it.
   */
  list(space: string, after: string | undefined, keysMax: number, bytesMax: number): KeyList {
    const keys: string[] = []
    let bytesLeft = bytesMax
    for (const cursor = this.#documents.cursor({ space, key: after ?? '' }); cursor.next(); ) {
      const name = cursor.key
      if (name.space !== space) break
      if (name.key === after) continue
      // A code unit takes at most three bytes.
      bytesLeft -= name.key.length * 3 + 2
      if (keys.length === keysMax || (bytesLeft < 0 && keys.length > 0)) return { keys, more: true }
      keys.push(name.key)
    }
    return { keys, more: false }
  }

  view(): DocumentsView {
    return { documents: this.#documents.view(), spaces: this.#spaces.view() }
  }

  /** Adds the hashes of everything here to a sum, from scratch. Walks all documents. */
  addHashes(sum: HashSum): void {
    for (const cursor = this.#spaces.cursor(); cursor.next(); ) sum.add(spaceHash(cursor.key, cursor.value.version))
    for (const cursor = this.#documents.cursor(); cursor.next(); ) {
      sum.add(documentHash(nameHash(cursor.key), cursor.value))
    }
  }

  /** Walks all documents. */
  checkInvariants(): void {
    this.#documents.checkInvariants()
    const counts = new Map<string, number>()
    let bytes = 0
    for (const cursor = this.#documents.cursor(); cursor.next(); ) {
      const { key: name, value: entry } = cursor
      counts.set(name.space, (counts.get(name.space) ?? 0) + 1)
      bytes += sizeOf(entry)
      assert(entry.birth <= entry.version, 'a document changed before it was born')
    }
    assert(bytes === this.#bytes, 'the bytes of all documents are counted wrongly')
    assert(counts.size === this.#spaces.size, 'a space without documents is kept, or one is missing')
    for (const cursor = this.#spaces.cursor(); cursor.next(); ) {
      assert(counts.get(cursor.key) === cursor.value.count, 'a space counts its documents wrongly')
    }
  }

  #replace(name: DocumentKey, before: DocumentEntry | undefined, after: DocumentEntry | undefined): void {
    const hash = nameHash(name)
    if (before !== undefined) {
      this.#sum.subtract(documentHash(hash, before))
      this.#bytes -= sizeOf(before)
    }
    if (after !== undefined) {
      this.#sum.add(documentHash(hash, after))
      this.#bytes += sizeOf(after)
    }
  }

  /** Returns the one string that all names of the space share. */
  #changeSpace(space: string, added: number, index: Index): string {
    const before = this.#spaces.get(space)
    if (before !== undefined) this.#sum.subtract(spaceHash(space, before.version))
    const after = { space: before?.space ?? space, version: index, count: (before?.count ?? 0) + added }
    if (after.count === 0) this.#spaces.delete(space)
    else {
      this.#spaces.set(after.space, after)
      this.#sum.add(spaceHash(space, index))
    }
    return after.space
  }
}

/** The documents of one moment. */
export interface DocumentsView {
  readonly documents: BTreeView<DocumentKey, DocumentEntry>
  readonly spaces: BTreeView<string, SpaceEntry>
}

export function compareNames(a: DocumentKey, b: DocumentKey): number {
  return compareTexts(a.space, b.space) || compareTexts(a.key, b.key)
}

/** By code unit, as `<` compares. */
export function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function sizeOf(entry: DocumentEntry): number {
  return entry.base.length + entry.deltaBytes
}
