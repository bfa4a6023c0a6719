import { type Deed, Group, idOf, type Packet } from '../../core/consensus/group.contract.ts'
import { checkExpectation } from './expectations.contract.ts'
import { entriesIn, membersText, packetText, serverText } from './render.contract.ts'

type Command = (words: readonly string[], rest: string) => void

/**
 * Runs a transcript: comments stay, commands are carried out, and what the servers do is written behind each command,
 * indented.
 * Commands (a, b and c are servers; `a->b` may have `*` on either side, and the kind of a message behind it):
 *
 *     servers a b c learners d      the members of a new group
 *     start e                       a server that holds nothing
 *     begin a 1 1 2 term 2 commit 1 a server whose disk holds entries of these terms, the founding entry first
 *     campaign a                    its election timeout passes
 *     tick a 100 / wait a 1000      time passes on its clock, seen by it or not yet (`all` for everyone)
 *     propose a x y*300             it appends entries, if it leads; the second is long
 *     deliver a->b / drop a->b      what is under way between them now (`deliver all` for everything)
 *     keep a->b / copy a->b         puts messages aside, or copies of them; `return` sends them after all
 *     settle                        delivers everything and what follows, until nobody has anything to say
 *     cut a b / heal                meanwhile nothing passes between these and the others / everything passes again
 *     stop a / restart a            a crash: it forgets what its disk does not hold
 *     restart a damaged 4           the same, and its log can't be read from entry 4 on
 *     hold-disk a / persist a 1 / free-disk a   what it stores becomes durable only when told
 *     change a voters b c learners d
 *     transfer a b / read a / compact a 4 / snapshot a->c / leader-gone b
 *     state / log a
 *     expect ...                    see expectations
 *
 * An `expect` that does not hold fails the test whatever the file says, so rewriting a transcript can't hide a wrong
 * outcome.
 */
export function runTranscript(text: string): string {
  const interpreter = new Interpreter()
  const lines = text.split('\n').filter((line) => !line.startsWith('  '))
  return lines.flatMap((line, i) => [line, ...interpreter.take(line, i + 1)]).join('\n')
}

class Interpreter {
  #group = new Group([])
  #kept: Packet[] = []
  #cut: readonly string[] = []
  #output: string[] = []
  #shown = new Map<string, string>()
  #isQuiet = false

  take(line: string, number: number): string[] {
    if (line === '' || line.startsWith('#')) return []
    const [name = '', ...words] = line.split(/ +/)
    const command = this.#commands[name]
    try {
      if (command === undefined) throw new Error('no such command')
      command(words, line.slice(name.length + 1))
    } catch (error) {
      throw new Error(`command ${number}, '${line}': ${error instanceof Error ? error.message : error}`)
    }
    this.#tell()
    const output = this.#output.map((each) => `  ${each}`)
    this.#output = []
    return output
  }

  readonly #commands: Readonly<Record<string, Command>> = {
    servers: (words) => this.#servers(words),
    start: ([name = '']) => this.#group.start(name),
    begin: (words) => this.#begin(words),
    campaign: ([name = '']) => this.#group.campaign(name),
    tick: ([name = '', ms]) => {
      for (const each of this.#upAmong(name)) this.#group.tick(each, Number(ms))
    },
    wait: ([name = '', ms]) => {
      for (const each of this.#upAmong(name)) this.#group.seat(each).now += Number(ms)
    },
    propose: ([name = '', ...texts]) =>
      this.#refusable(this.#group.propose(name, ...texts.map(repeated)) !== undefined),
    deliver: (words) => this.#deliver(this.#chosen(words)),
    drop: (words) => this.#drop(words),
    keep: (words) => this.#keep(words, true),
    copy: (words) => this.#keep(words, false),
    return: (words) => this.#return(words),
    settle: () => this.#settle(),
    cut: (names) => {
      this.#cut = names
    },
    heal: () => {
      this.#cut = []
    },
    stop: ([name = '']) => {
      this.#group.seat(name).isUp = false
    },
    restart: ([name = '', , damaged]) => this.#restart(name, damaged),
    'hold-disk': ([name = '']) => this.#group.seat(name).disk.hold(),
    persist: ([name = '', count]) =>
      this.#disk(name, () => this.#group.seat(name).disk.persist(count === undefined ? undefined : Number(count))),
    'free-disk': ([name = '']) => this.#disk(name, () => this.#group.seat(name).disk.release()),
    change: ([name = '', ...words]) => {
      const lists = listsIn(words, ['voters', 'learners'])
      this.#refusable(this.#group.changeMembers(name, lists.voters ?? [], lists.learners ?? []))
    },
    transfer: ([name = '', to = '']) =>
      this.#refusable(this.#group.act(name, (replica, now) => replica.transfer(idOf(to), now))),
    read: ([name = '']) => {
      this.#output.push(`round ${this.#group.act(name, (replica) => replica.beginRound())}`)
    },
    compact: ([name = '', index]) => this.#group.compact(name, Number(index)),
    snapshot: ([pair = '']) => this.#group.sendSnapshot(...endsOf(pair)),
    'leader-gone': ([name = '']) => this.#group.act(name, (replica, now) => replica.leaderGone(now)),
    state: () => {
      for (const name of this.#group.seats.keys()) this.#output.push(serverText(this.#group, name))
    },
    log: ([name = '']) => {
      const { log } = this.#group.replica(name)
      this.#output.push(...log.slice(log.baseIndex + 1, log.lastIndex, Number.POSITIVE_INFINITY).flatMap(entriesIn))
    },
    expect: (words) => checkExpectation(this.#group, words),
  }

  #servers(words: readonly string[]): void {
    const { voters = [], learners = [] } = listsIn(['voters', ...words], ['voters', 'learners'])
    this.#group = new Group(voters, learners)
    this.#tell()
    this.#output = []
  }

  #begin([name = '', ...words]: readonly string[]): void {
    const { terms = [], term = [], commit = [] } = listsIn(['terms', ...words], ['terms', 'term', 'commit'])
    this.#group.begin(name, terms.map(Number), Number(term[0]), Number(commit[0]))
  }

  #restart(name: string, damagedFrom: string | undefined): void {
    this.#group.restart(name, damagedFrom === undefined ? undefined : Number(damagedFrom))
  }

  #disk(name: string, what: () => void): void {
    what()
    this.#group.act(name, () => {})
  }

  #deliver(packets: readonly Packet[]): void {
    for (const packet of packets) this.#group.deliver(packet)
  }

  /** Whatever there is: nothing, perhaps. */
  #drop(words: readonly string[]): void {
    const dropped = this.#matching(this.#group.pool, words)
    this.#group.pool = this.#group.pool.filter((packet) => !dropped.includes(packet))
  }

  #keep(words: readonly string[], takes: boolean): void {
    const chosen = this.#chosen(words)
    this.#kept.push(...chosen.map((packet) => ({ ...packet })))
    if (takes) this.#group.pool = this.#group.pool.filter((packet) => !chosen.includes(packet))
  }

  #return(words: readonly string[]): void {
    const chosen = this.#matching(this.#kept, words)
    if (chosen.length === 0) throw new Error('no such message was put aside')
    this.#kept = this.#kept.filter((packet) => !chosen.includes(packet))
    this.#group.pool.push(...chosen)
    for (const packet of chosen) this.#output.push(`${packetText(packet)}, late`)
  }

  #settle(): void {
    this.#isQuiet = true
    this.#group.settle(({ from, to }) => this.#cut.includes(from) !== this.#cut.includes(to))
  }

  /** What is under way and fits; that nothing fits is a mistake in the transcript. */
  #chosen(words: readonly string[]): Packet[] {
    const chosen = this.#matching(this.#group.pool, words)
    if (chosen.length === 0) throw new Error('no such message is under way')
    return chosen
  }

  #matching(packets: readonly Packet[], [pair = '', kind]: readonly string[]): Packet[] {
    const [from, to] = endsOf(pair === 'all' ? '*->*' : pair)
    return packets.filter(
      (packet) =>
        (from === '*' || packet.from === from) &&
        (to === '*' || packet.to === to) &&
        (kind === undefined || packet.parcel.kind === kind),
    )
  }

  #upAmong(name: string): string[] {
    const names = name === 'all' ? [...this.#group.seats.keys()] : [name]
    return names.filter((each) => this.#group.seat(each).isUp)
  }

  #refusable(done: boolean): void {
    if (!done) this.#output.push('refused')
  }

  /** What was done and said, and then how those servers stand that changed. */
  #tell(): void {
    for (const deed of this.#group.takeDeeds()) this.#tellDeed(deed)
    this.#isQuiet = false
    for (const name of this.#group.seats.keys()) {
      const text = serverText(this.#group, name)
      if (this.#shown.get(name) !== text) this.#output.push(text)
      this.#shown.set(name, text)
    }
  }

  #tellDeed(deed: Deed): void {
    if (deed.kind === 'sent' && !this.#isQuiet) this.#output.push(packetText(deed.packet))
    else if (deed.kind === 'members')
      this.#output.push(`${deed.by}: members since ${deed.index} are ${membersText(deed.members)}`)
    else if (deed.kind === 'asked-for-snapshot') this.#output.push(`${deed.by}: ${deed.to} needs a snapshot`)
    else if (deed.kind === 'repaired') this.#output.push(`${deed.by}: repaired`)
  }
}

function endsOf(pair: string): [from: string, to: string] {
  const [from, to] = pair.split('->')
  if (from === undefined || to === undefined) throw new Error(`'${pair}' names no direction`)
  return [from, to]
}

/** `x*300` stands for as many of them. */
function repeated(word: string): string {
  const [, what, times] = /^(.+)\*(\d+)$/.exec(word) ?? []
  return what === undefined ? word : what.repeat(Number(times))
}

/** `voters b c learners d` as lists by their heading. */
function listsIn(words: readonly string[], headings: readonly string[]): Partial<Record<string, string[]>> {
  const lists: Partial<Record<string, string[]>> = {}
  let current: string[] = []
  for (const word of words) {
    if (!headings.includes(word)) current.push(word)
    else lists[word] = current = []
  }
  return lists
}
