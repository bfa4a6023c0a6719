#!/usr/bin/env node
import pc from 'picocolors'
import { destination, pino } from 'pino'
import { type ExitSignal, exitSignals } from './command-io.ts'
import { runCommand } from './command-line.ts'
import { readableLine } from './log-line.ts'
import type { Logger } from './logger.ts'

/** JSON for programs, readable lines for people. Written at once: a process that dies has said what it had to say. */
function makeLogger(): Logger {
  const options = { base: null }
  if (process.stdout.isTTY) {
    const colors = pc.createColors(pc.isColorSupported)
    return pino(options, { write: (line) => void process.stdout.write(readableLine(line, colors)) })
  }
  const stdout = destination({ dest: 1, sync: true })
  // Whoever read the log is gone; the server goes on without.
  stdout.on('error', () => {})
  return pino(options, stdout)
}

function onSignal(listener: (signal: ExitSignal) => void): void {
  for (const signal of Object.keys(exitSignals) as ExitSignal[]) process.on(signal, () => listener(signal))
}

for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

void runCommand(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  logger: makeLogger(),
  isTerminal: process.stdout.isTTY,
  onSignal,
  exit: (code) => process.exit(code),
}).then((code) => process.exit(code))
