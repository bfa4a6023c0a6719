import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

export interface CommandResult {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface CommandOptions {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly timeoutMs?: number | undefined
}

/** Runs a program to its end. One that takes too long is killed, and has no code then. */
export async function runCommand(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 300_000 }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err] = [textOf(child, 'stdout'), textOf(child, 'stderr')]
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out: out(), err: err() }
  } finally {
    clearTimeout(timer)
  }
}

/** The same, and it must succeed: returns what it wrote. */
export async function mustRun(program: string, args: readonly string[], options?: CommandOptions): Promise<string> {
  const { code, out, err } = await runCommand(program, args, options)
  if (code === 0) return out
  throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${out}\n${err}`)
}

/** A port on loopback where nobody listens now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Tries until it succeeds; throws what the last attempt threw when the time is up. */
export async function eventually<T>(attempt: () => Promise<T>, forMs = 20_000): Promise<T> {
  const untilMs = performance.now() + forMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > untilMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function textOf(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  const pieces: string[] = []
  child[stream]?.setEncoding('utf8').on('data', (piece: string) => pieces.push(piece))
  return () => pieces.join('')
}
