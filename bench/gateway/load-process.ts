import { z } from 'zod'
import { generateLoad } from './load.ts'

/** Runs one load, described as JSON in the only argument, and prints its report as JSON. */
const OptionsSchema = z.object({
  port: z.int(),
  connections: z.int(),
  durationMs: z.number(),
  /** Base64 of the request on the wire. */
  request: z.string(),
})
const { port, connections, durationMs, request } = OptionsSchema.parse(JSON.parse(process.argv[2] ?? ''))
const report = await generateLoad({
  host: '127.0.0.1',
  port,
  connections,
  durationMs,
  request: Buffer.from(request, 'base64'),
})
console.log(JSON.stringify(report))
