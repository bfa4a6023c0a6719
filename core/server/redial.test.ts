import { expect, test } from 'vitest'
import { decodeMessage } from '../wire/codec.ts'
import type { Incarnation, Link, ServerName } from '../wire/ids.ts'
import { serverId } from '../wire/ids.ts'
import { boot } from './boot.ts'
import type { ServerCore } from './core.ts'
import { defaultLimits, defaultTiming } from './options.ts'
import { Peers } from './peers.ts'

const b = 'b' as ServerName
const servers = new Map([
  ['a' as ServerName, '127.0.0.1:1'],
  [b, '127.0.0.1:2'],
])

function makeCore(): ServerCore {
  const given = { entropy: Uint8Array.from({ length: 64 }, (_, at) => at), wallMs: 1, disk: undefined, listens: true }
  const options = { name: 'a' as ServerName, servers, timing: defaultTiming, limits: defaultLimits }
  const booted = boot({ ...options, durability: 'memory' }, given, 0)
  if ('refused' in booted) throw new Error(booted.text)
  return booted.core
}

/** Lets the time come at which something is due, and returns the link that is dialled then. */
function dialled(core: ServerCore, peers: Peers): Link | undefined {
  core.now = peers.nextDeadline() ?? core.now
  peers.tick()
  const dial = core.takeEffects().find((effect) => effect.kind === 'dial')
  return dial?.kind === 'dial' ? dial.link : undefined
}

function open(core: ServerCore, peers: Peers): Link {
  const link = dialled(core, peers) ?? (0 as Link)
  peers.onConnected(link)
  const sent = core.takeEffects().find((effect) => effect.kind === 'send')
  const hello = sent?.kind === 'send' ? decodeMessage(sent.frame) : undefined
  const connection = hello?.kind === 'hello' ? hello.connection : 0
  const server = serverId(b, '00000000000000bb' as Incarnation)
  peers.onWelcome(link, { kind: 'welcome', protocol: 1, group: core.group, history: undefined, server, connection })
  expect(peers.isOpen(b)).toBe(true)
  return link
}

/** The link that is dialled at once when an open one is lost. */
function lose(core: ServerCore, peers: Peers, link: Link): Link {
  core.takeEffects()
  expect(peers.onClosed(link, false)).toBeUndefined()
  const dial = core.takeEffects().find((effect) => effect.kind === 'dial')
  return dial?.kind === 'dial' ? dial.link : (0 as Link)
}

test('a peer whose connection broke is known as dead when the next attempt is refused', () => {
  const core = makeCore()
  const peers = new Peers(core)
  const next = lose(core, peers, open(core, peers))
  expect(peers.onClosed(next, true)).toEqual({ kind: 'died', peer: b })
})

test.each([
  ['after we saw it open', true],
  ['before we saw it open', false],
])('a dying process that takes one more connection and resets it %s is found dead by the next', (_, wasSeen) => {
  const core = makeCore()
  const peers = new Peers(core)
  const next = lose(core, peers, open(core, peers))
  if (wasSeen) peers.onConnected(next)
  expect(peers.onClosed(next, false)).toBeUndefined()
  const lostAt = core.now
  const last = dialled(core, peers) ?? (0 as Link)
  expect(core.now - lostAt).toBeLessThan(2 * defaultTiming.redialMsMin)
  expect(peers.onClosed(last, true)).toEqual({ kind: 'died', peer: b })
})

test('a peer that was found dead, or was never there, is not reported dead again', () => {
  const core = makeCore()
  const peers = new Peers(core)
  expect(peers.onClosed(dialled(core, peers) ?? (0 as Link), true)).toBeUndefined()
  const next = lose(core, peers, open(core, peers))
  expect(peers.onClosed(next, true)).toBeDefined()
  expect(peers.onClosed(dialled(core, peers) ?? (0 as Link), true)).toBeUndefined()
})

test('a peer that calls is dialled at once, however long it was away', () => {
  const core = makeCore()
  const peers = new Peers(core)
  for (let i = 0; i < 10; i++) peers.onClosed(dialled(core, peers) ?? (0 as Link), true)
  expect(peers.nextDeadline()).toBeGreaterThan(core.now + defaultTiming.redialMsMin)
  peers.noteCalled(serverId(b, '00000000000000bb' as Incarnation))
  expect(peers.nextDeadline()).toBe(core.now)
  const link = dialled(core, peers)
  expect(link).toBeDefined()
  peers.noteCalled(serverId(b, '00000000000000bb' as Incarnation))
  expect(dialled(core, peers)).toBeUndefined()
})

test('a connection to an incarnation that is no more ends when another one calls', () => {
  const core = makeCore()
  const peers = new Peers(core)
  const stale = open(core, peers)
  core.takeEffects()
  peers.noteCalled(serverId(b, '00000000000000bb' as Incarnation))
  expect(core.takeEffects()).toEqual([])
  peers.noteCalled(serverId(b, '00000000000000cc' as Incarnation))
  expect(core.takeEffects()).toEqual([{ kind: 'close', link: stale, reason: 'another incarnation called' }])
  expect(dialled(core, peers)).toBe(stale + 1)
})
