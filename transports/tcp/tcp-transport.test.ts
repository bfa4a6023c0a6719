import type { LinkInput } from '../../core/wire/link.ts'
import { transportContract } from '../transport.contract.ts'
import { TcpTransport } from './tcp-transport.ts'

transportContract('tcp', async (options) => {
  const party = () => {
    const inputs: LinkInput[] = []
    return { inputs, transport: new TcpTransport((input) => inputs.push(input), options) }
  }
  return {
    a: party(),
    b: party(),
    listenAddress: '127.0.0.1:0',
    deadAddress: '127.0.0.1:1',
    settle: () => new Promise((resolve) => setTimeout(resolve, 1)),
  }
})
