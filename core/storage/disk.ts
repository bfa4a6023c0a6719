/**
 * The disk as core sees it: a flat folder of named files of one server. Operations are started in the order given;
 * those on different files may complete in any order, so a machine that needs an order waits for the completion.
 */
export type DiskOp =
  /** Makes a file of `bytes` zeros, with the room reserved, file and folder entry durable on completion. */
  | { readonly op: 'create'; readonly id: number; readonly file: string; readonly bytes: number }
  /**
   * Writes at `offset`; with `sync`, completes when this and everything written to the file before is durable. Extends
   * the file if need be.
   */
  | {
      readonly op: 'write'
      readonly id: number
      readonly file: string
      readonly offset: number
      readonly bytes: Uint8Array
      readonly sync: boolean
    }
  /** Atomically renames a file whose content is durable, replacing `to`; the folder entry is durable on completion. */
  | { readonly op: 'rename'; readonly id: number; readonly file: string; readonly to: string }
  /** Deletes a file; deleting one that isn't there succeeds. */
  | { readonly op: 'remove'; readonly id: number; readonly file: string }

export type DiskErrorCode = 'EIO' | 'ENOSPC' | 'EACCES' | 'EOTHER'

export type DiskEffect = { readonly kind: 'disk'; readonly op: DiskOp }

export type DiskInput = {
  readonly kind: 'disk-done'
  readonly id: number
  readonly error?: { readonly code: DiskErrorCode; readonly message: string } | undefined
}

/** Reads at start-up only, before the machine runs: recovery may block, a running server never reads its disk. */
export interface DiskReader {
  /** Names of all files, sorted by code unit. */
  list(): readonly string[]
  size(file: string): number
  /** Exactly `length` bytes; bytes beyond the end of the file, or unreadable, come back as zeros. */
  read(file: string, offset: number, length: number): Uint8Array
}
