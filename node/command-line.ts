import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { type CommandIo, exitCodes } from './command-io.ts'
import { type Flags, serveCommand } from './command-serve.ts'
import { statusCommand } from './command-status.ts'
import { ConfigError, CoterieError } from './errors.ts'

type Run = (flags: Flags, problems: readonly string[], io: CommandIo) => Promise<number>

const serveExamples = `
Examples:
  coterie serve --name a --servers a=127.0.0.1:7400,b=127.0.0.1:7401,c=127.0.0.1:7402 --data ./data-a
  coterie serve --name b --config coterie.yaml

The file holds the same options: name, servers (an object), listen, dataDir, durability, clientTimeoutMs.
What the command line says goes before what the file says.

SIGTERM and SIGINT hand leadership over before the process exits; a server that keeps nothing on disk leaves the group.
A second one ends the process at once.`

const statusExamples = `
Examples:
  coterie status --server 127.0.0.1:7400
  coterie status --server 127.0.0.1:7400 --json | jq .commit`

/**
 * Runs the command that `args` ask for and returns the exit code: 0 done, 1 failed, 2 asked for something that makes no
 * sense.
 */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  let code: number = exitCodes.done
  const program = makeProgram(io, (result) => {
    code = result
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.misused
    if (!(error instanceof CoterieError)) throw error
    io.err(`coterie: ${error.message}\n`)
    return error instanceof ConfigError ? exitCodes.misused : exitCodes.failed
  }
}

function makeProgram(io: CommandIo, onCode: (code: number) => void): Command {
  const program = new Command('coterie')
    .description('Documents shared by Node.js processes, replicated by Raft.')
    .version(versionOf())
  const commands = [program, serveOf(program), statusOf(program)]
  const runs: readonly (readonly [Command | undefined, Run])[] = [
    [commands[1], serveCommand],
    [commands[2], statusCommand],
  ]
  for (const [command, run] of runs) {
    command?.action(async () => onCode(await run(command.opts(), strangers(command), io)))
  }
  for (const command of commands) {
    command.exitOverride().configureOutput({ writeOut: io.out, writeErr: io.err })
    // Values are optional for the parser, so that a missing one is told together with everything else.
    command.configureHelp({ optionTerm: (option) => option.flags.replace('[', '<').replace(']', '>') })
  }
  return program
}

function serveOf(program: Command): Command {
  return lenient(program.command('serve'))
    .description('Run a server of a group.')
    .option('--name [name]', 'which of the servers this one is')
    .option('--servers [list]', 'all servers of the group as NAME=HOST:PORT,…: 1 to 5, the same on each of them')
    .option('--data [folder]', 'where this server keeps what it must not forget; a folder of its own')
    .option('--listen [address]', 'where to listen, HOST:PORT (default: its address in servers)')
    .option('--durability [kind]', 'fsync or memory (default: fsync with --data)')
    .option('--config [file]', 'a YAML or JSON file with options')
    .addHelpText('after', serveExamples)
}

function statusOf(program: Command): Command {
  return lenient(program.command('status'))
    .description('Show what a server says of itself and its group.')
    .option('--server [address]', 'the server to ask, HOST:PORT')
    .option('--json', 'print one JSON object')
    .option('--timeout [ms]', 'how long to wait for the answer (default: 5000)')
    .addHelpText('after', statusExamples)
}

/** Leaves it to us to complain, of everything at once. */
function lenient(command: Command): Command {
  return command.allowUnknownOption().allowExcessArguments()
}

/** What the command line holds besides the options of its command. */
function strangers(command: Command): readonly string[] {
  const known = command.options.map((option) => option.long).join(', ')
  return command.args.flatMap((arg, at) => {
    if (arg.startsWith('-')) return [`${arg}: unknown option; accepted are ${known}`]
    const isValueOfStranger = command.args[at - 1]?.startsWith('-') === true
    return isValueOfStranger ? [] : [`"${arg}": unexpected; accepted are ${known}`]
  })
}

function versionOf(): string {
  const { version } = createRequire(import.meta.url)('coterie/package.json') as { readonly version: string }
  return version
}
