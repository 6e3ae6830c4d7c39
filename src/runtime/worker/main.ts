/**
 * A worker: one process that holds one model. It reads frames from file descriptor 3, computes and answers, in one
 * synchronous loop, because that is the fastest there is and because nothing else is to happen in this process. It ends
 * when the descriptor closes, so it does not outlive the gateway.
 */
import { readSync, writeSync } from 'node:fs'
import {
  allocate,
  decodeLoad,
  FRAME_KIND,
  FrameWriter,
  HEADER_BYTES,
  type LoadLimits,
  PROTOCOL_VERSION,
  ProtocolViolation,
  padded,
  readHeader,
  viewOf,
} from '../protocol/index.ts'
import { Answering } from './answering.ts'
import { LoadRefused, loadModel } from './loading.ts'
import type { OnnxSession } from './onnx-session.ts'

const CHANNEL = 3
const READ_BYTES = 64 * 1024
const KEPT_BYTES = 2 ** 21

function main(): void {
  const { session, limits } = load()
  const { maxRequestBytes } = limits
  // The model's bytes have been copied by onnxruntime; an idle worker would hold them until it next collects.
  globalThis.gc?.()
  const answering = new Answering(session, limits, send)
  let buffer = allocate(READ_BYTES)
  let view = viewOf(buffer)
  let start = 0
  let end = 0
  for (;;) {
    while (end - start >= HEADER_BYTES) {
      const header = readHeader(view, start)
      if (header.kind !== FRAME_KIND.infer || header.bodyBytes > maxRequestBytes) {
        throw new ProtocolViolation('a frame is unexpected or too long')
      }
      const frameEnd = start + HEADER_BYTES + header.bodyBytes
      if (frameEnd > end) break
      answering.take(header, buffer, view, start + HEADER_BYTES, frameEnd)
      start = frameEnd
    }
    answering.settle()
    // The rest moves to the front, into a buffer that fits the frame it begins. A very large one is given back.
    const needed = end - start >= HEADER_BYTES ? HEADER_BYTES + readHeader(view, start).bodyBytes : READ_BYTES
    if (needed > buffer.length || (needed <= READ_BYTES && buffer.length > KEPT_BYTES)) {
      const next = allocate(Math.max(READ_BYTES, needed))
      buffer.copy(next, 0, start, end)
      buffer = next
      view = viewOf(buffer)
    } else if (start > 0 && end > start) {
      buffer.copyWithin(0, start, end)
    }
    end -= start
    start = 0
    end += receive(buffer, end)
  }
}

function load(): { session: OnnxSession; limits: LoadLimits } {
  const head = receiveExactly(HEADER_BYTES)
  const header = readHeader(viewOf(head), 0)
  if (header.kind !== FRAME_KIND.load) throw new ProtocolViolation('the first frame is not a load frame')
  const body = receiveExactly(header.bodyBytes)
  const command = decodeLoad(body, viewOf(body), 0, body.length)
  try {
    const { session, digest, onnxruntimeVersion } = loadModel(command)
    sendJson(FRAME_KIND.ready, {
      protocol: PROTOCOL_VERSION,
      digest,
      inputs: session.inputs,
      outputs: session.outputs,
      versions: { node: process.versions.node, onnxruntime: onnxruntimeVersion },
    })
    return { session, limits: command.limits }
  } catch (thrown) {
    if (!(thrown instanceof LoadRefused)) throw thrown
    sendJson(FRAME_KIND.refused, { code: thrown.code, reason: thrown.message.slice(0, 500) })
    process.exit(0)
  }
}

function sendJson(kind: number, value: unknown): void {
  const json = Buffer.from(JSON.stringify(value))
  const writer = new FrameWriter(HEADER_BYTES + padded(json.length))
  writer.bytes.fill(' ', HEADER_BYTES)
  writer.bytes.set(json, HEADER_BYTES)
  writer.end = writer.bytes.length
  writer.writeHeader(0, { callId: 0, kind, status: 0, count: 0, computeMicros: 0 })
  send(writer.bytes)
}

function send(bytes: Uint8Array): void {
  let offset = 0
  while (offset < bytes.length) offset += writeSync(CHANNEL, bytes, offset)
}

/** Waits for bytes; when none will come any more, the process ends. */
function receive(buffer: Buffer, offset: number): number {
  const count = readSync(CHANNEL, buffer, offset, Math.min(buffer.length - offset, 2 ** 30), null)
  if (count === 0) process.exit(0)
  return count
}

function receiveExactly(length: number): Buffer<ArrayBuffer> {
  const buffer = allocate(length)
  let offset = 0
  while (offset < length) offset += receive(buffer, offset)
  return buffer
}

main()
