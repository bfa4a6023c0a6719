import { type LinkParty, linkContract } from '../core/wire/link.contract.ts'
import type { LinkInput } from '../core/wire/link.ts'
import { Network } from './network.ts'
import type { NetworkEvent } from './network-event.ts'
import { createDice } from './prng.ts'
import { Scheduler } from './scheduler.ts'

linkContract('the simulated network', async ({ handshakeMs }) => {
  const scheduler = new Scheduler<NetworkEvent>()
  const heard = new Map<string, LinkInput[]>([
    ['a', []],
    ['b', []],
  ])
  const network = new Network(
    {
      dice: createDice('link contract'),
      nowUs: () => scheduler.nowUs,
      schedule: (delayUs, event) => scheduler.schedule(scheduler.nowUs + delayUs, event),
      input: (host, input) => heard.get(host)?.push(input),
    },
    { handshakeUs: handshakeMs * 1000 },
  )
  network.listen('b', 'b:7400')
  const party = (host: string): LinkParty => ({
    inputs: heard.get(host) ?? [],
    dial: (link, address) => network.dial(host, link, address),
    send: (link, frame) => network.send(host, link, frame),
    flush: () => {},
    admit: (link) => network.admit(host, link),
    close: (link) => network.close(host, link),
  })
  return {
    a: party('a'),
    b: party('b'),
    address: 'b:7400',
    deadAddress: 'b:9',
    settle: async () => {
      const event = scheduler.next()
      if (event !== undefined) network.deliver(event)
    },
    end: async () => {},
  }
})
