import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { PipeEvents } from '../pipe.ts'
import { SocketPipe } from './socket-pipe.ts'

function record(): { readonly heard: string[]; readonly events: PipeEvents } {
  const heard: string[] = []
  const events = {
    opened: () => heard.push('opened'),
    data: (chunk: Uint8Array) => heard.push(`data ${chunk.length}`),
    closed: (reason: string, refused: boolean) => heard.push(`closed ${reason} ${refused}`),
  }
  return { heard, events }
}

test('a socket that ends, fails and closes is reported closed once', () => {
  const { heard, events } = record()
  const socket = new Socket()
  const pipe = new SocketPipe(socket, events)
  socket.emit('data', Buffer.from('abc'))
  socket.emit('end')
  socket.emit('error', new Error('late'))
  socket.emit('close')
  socket.emit('data', Buffer.from('late'))
  pipe.opened()
  expect(heard).toEqual(['data 3', 'closed ended by the other side false'])
})

test('a destroyed pipe reports nothing, whatever its socket still emits', () => {
  const { heard, events } = record()
  const socket = new Socket()
  new SocketPipe(socket, events).destroy()
  socket.emit('data', Buffer.from('late'))
  socket.emit('error', new Error('late'))
  socket.emit('end')
  expect(heard).toEqual([])
  expect(socket.destroyed).toBe(true)
})

test('an attempt at several addresses is refused only if each of them refused', () => {
  const refusal = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  const unreachable = Object.assign(new Error('unreachable'), { code: 'EHOSTUNREACH' })
  const report = (error: Error) => {
    const { heard, events } = record()
    const socket = new Socket()
    new SocketPipe(socket, events)
    socket.emit('error', error)
    return heard
  }
  expect(report(new AggregateError([refusal, refusal]))).toEqual(['closed refused; refused true'])
  expect(report(new AggregateError([refusal, unreachable]))).toEqual(['closed refused; unreachable false'])
  expect(report(refusal)).toEqual(['closed refused true'])
})
