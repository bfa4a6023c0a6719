/**
 * An ordered stream of bytes to another process and back: a socket, or its like in memory.
 * Invariant: a pipe reports nothing from inside a call of its owner, and nothing after `closed` or `destroy`.
 */
export interface Pipe {
  /** Bytes written that have not left this process. */
  readonly queuedBytes: number
  write(bytes: Uint8Array): void
  /**
   * Says after what was written that no more comes. What still arrives is reported, and `closed` when the other side is
   * done too.
   */
  end(): void
  /** Gives everything up at once. */
  destroy(): void
}

/** What a pipe reports to its owner. */
export interface PipeEvents {
  /** A dialled pipe reached the other side; one that was accepted is open from the start. */
  opened(): void
  /** The chunk belongs to the owner until it returns. */
  data(chunk: Uint8Array): void
  /** The other side ended the pipe, or it broke, or could not be opened: `refused` when nobody listens there. */
  closed(reason: string, refused: boolean): void
}

/** Makes a pipe that reports to `events`. */
export type OpenPipe = (events: PipeEvents) => Pipe
