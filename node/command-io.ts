import type { Logger } from './logger.ts'

/** What a command has of the world: where it writes, and how it hears of signals. */
export interface CommandIo {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly logger: Logger
  /** Whether people, not programs, read what is written. */
  readonly isTerminal: boolean
  readonly onSignal: (listener: (signal: ExitSignal) => void) => void
  /** Ends the process at once. */
  readonly exit: (code: number) => void
}

export const exitSignals = { SIGINT: 130, SIGTERM: 143 } as const
export type ExitSignal = keyof typeof exitSignals

/** What a process says of its end: it went well, it did not, or it was asked for something that makes no sense. */
export const exitCodes = { done: 0, failed: 1, misused: 2 } as const
