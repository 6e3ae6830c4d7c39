import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  EVERY_TYPE,
  GatewayParts,
  type RunningGatewayOptions,
  runGateway,
  type TestGateway,
} from '../../test/support/running-gateway.ts'
import type { LogEntry } from '../audit/index.ts'
import { type Datatype, type EventId, SallyportError } from '../core/index.ts'

let parts: GatewayParts
let key: string
let keyId: string
/** The gateway with default limits, shared by the tests that change nothing about it. */
let shared: TestGateway
const opened: TestGateway[] = []

beforeAll(async () => {
  parts = await GatewayParts.start()
  ;({ key, keyId } = await parts.createKey(['infer']))
  shared = await runGateway(parts)
})
afterAll(async () => {
  await shared.gateway.close(0)
  await parts.stop()
})
afterEach(async () => {
  for (const { gateway } of opened.splice(0)) await gateway.close(0)
})

async function open(options: RunningGatewayOptions): Promise<TestGateway> {
  const gateway = await runGateway(parts, options)
  opened.push(gateway)
  return gateway
}

const row = (age: number, hours: number, sector: string) => ({
  inputs: [
    { name: 'age', datatype: 'FP32', shape: [1, 1], data: [age] },
    { name: 'hours', datatype: 'INT64', shape: [1, 1], data: [hours] },
    { name: 'sector', datatype: 'BYTES', shape: [1, 1], data: [sector] },
  ],
})
const GOOD = row(39, 40, 'Private')
const INFER = '/v2/models/person/infer'

interface Sent {
  readonly to?: TestGateway
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array<ArrayBuffer> | object
  readonly signal?: AbortSignal
}

/** Sends a request with the stock client of the platform. */
async function send({ to = shared, method = 'POST', path = INFER, headers, body, signal }: Sent) {
  const response = await fetch(to.url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(body === undefined
      ? {}
      : { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    json: () => JSON.parse(bytes.toString()),
    event: response.headers.get('x-sallyport-event') as EventId | null,
  }
}

/** Sends bytes as they are; gives all that comes back until the connection ends, or `until` is seen. */
function sendRaw(to: TestGateway, bytes: string | Buffer, until?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(to.port, '127.0.0.1', () => socket.write(bytes))
    let received = ''
    socket.setEncoding('latin1')
    socket.on('data', (text) => {
      received += text
      if (until !== undefined && received.includes(until)) socket.destroy()
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}

async function entry(event: EventId | null): Promise<LogEntry> {
  if (event === null) throw new Error('the answer names no event')
  const found = await parts.log.find(event)
  if (found === undefined) throw new Error('the log does not have the event')
  return found
}

describe('an inference request', () => {
  test('is answered by the model, in the form of the protocol', async () => {
    const answer = await send({ body: { id: 'mine', ...GOOD } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.json()).toEqual({
      model_name: 'person',
      model_version: '1',
      id: 'mine',
      outputs: [
        { name: 'age-out', datatype: 'FP32', shape: [1, 1], data: [39] },
        { name: 'hours-out', datatype: 'INT64', shape: [1, 1], data: [40] },
        { name: 'sector-out', datatype: 'BYTES', shape: [1, 1], data: ['Private'] },
      ],
    })
  })

  test('may name the version, the outputs it wants, and send its rows nested', async () => {
    const { status, json } = await send({
      path: '/v2/models/person/versions/1/infer',
      body: {
        inputs: [
          { name: 'age', datatype: 'FP32', shape: [2, 1], data: [[17], [90]] },
          { name: 'hours', datatype: 'INT64', shape: [2, 1], data: [1, 99] },
          { name: 'sector', datatype: 'BYTES', shape: [2, 1], data: [['State-gov'], ['Without-pay']] },
        ],
        outputs: [{ name: 'sector-out' }],
      },
    })
    expect(status).toBe(200)
    expect(json().outputs).toEqual([
      { name: 'sector-out', datatype: 'BYTES', shape: [2, 1], data: ['State-gov', 'Without-pay'] },
    ])
  })

  test('gets the same tensors in JSON and in binary, for every datatype', async () => {
    const values: Readonly<Record<Datatype, [unknown[], Buffer]>> = {
      BOOL: [[true, false], Buffer.from([1, 0])],
      UINT8: [[0, 255], Buffer.from([0, 255])],
      UINT16: [[0, 65535], view(Uint16Array.of(0, 65535))],
      UINT32: [[1, 4294967295], view(Uint32Array.of(1, 4294967295))],
      UINT64: [[1, 2 ** 53], view(BigUint64Array.of(1n, 2n ** 53n))],
      INT8: [[-128, 127], view(Int8Array.of(-128, 127))],
      INT16: [[-32768, 5], view(Int16Array.of(-32768, 5))],
      INT32: [[-2147483648, 5], view(Int32Array.of(-2147483648, 5))],
      INT64: [[-(2 ** 53), 7], view(BigInt64Array.of(-(2n ** 53n), 7n))],
      FP16: [[1.5, -0.25], view(Float16Array.of(1.5, -0.25))],
      FP32: [[0.5, -1e30], view(Float32Array.of(0.5, -1e30))],
      FP64: [[0.1, -1e300], view(Float64Array.of(0.1, -1e300))],
      BYTES: [['', 'é🙂'], Buffer.concat([Buffer.from([0, 0, 0, 0, 6, 0, 0, 0]), Buffer.from('é🙂')])],
    }
    const json = EVERY_TYPE.inputs.map(({ name, datatype }) => ({
      name,
      datatype,
      shape: [2],
      data: values[datatype][0],
    }))
    const head = Buffer.from(
      JSON.stringify({
        inputs: EVERY_TYPE.inputs.map(({ name, datatype }) => ({
          name,
          datatype,
          shape: [2],
          parameters: { binary_data_size: values[datatype][1].length },
        })),
        parameters: { binary_data_output: true },
      }),
    )
    const binary = Buffer.concat([head, ...EVERY_TYPE.inputs.map(({ datatype }) => values[datatype][1])])
    const path = '/v2/models/every-type/infer'
    const headers = { 'inference-header-content-length': String(head.length) }
    const [asJson, asBinary] = await Promise.all([
      send({ path, body: { inputs: json } }),
      send({ path, body: binary, headers: { ...headers, 'content-type': 'application/octet-stream' } }),
    ])
    expect([asJson.status, asBinary.status]).toEqual([200, 200])
    const float32 = (value: unknown) => (typeof value === 'number' ? Math.fround(value) : value)
    for (const { name, datatype, data } of asJson.json().outputs) {
      const expected = values[datatype as Datatype][0]
      expect([name, data]).toEqual([
        `out-${datatype}`,
        datatype === 'FP32' ? expected.map(float32) : expected,
      ])
    }
    let at = Number(asBinary.headers.get('inference-header-content-length'))
    const { outputs } = JSON.parse(asBinary.bytes.subarray(0, at).toString())
    for (const { datatype, parameters } of outputs) {
      const size: number = parameters.binary_data_size
      expect([datatype, asBinary.bytes.subarray(at, at + size)]).toEqual([
        datatype,
        values[datatype as Datatype][1],
      ])
      at += size
    }
    expect([outputs.length, at]).toEqual([13, asBinary.bytes.length])
  })

  test('works with the key under either header, but not under both', async () => {
    expect((await send({ headers: { authorization: '', 'x-api-key': key }, body: GOOD })).status).toBe(401)
    const answer = await fetch(shared.url + INFER, {
      method: 'POST',
      headers: { 'x-api-key': key },
      body: JSON.stringify(GOOD),
    })
    expect(answer.status).toBe(200)
  })

  test('may come in chunks, and after 100 Continue', async () => {
    const json = JSON.stringify(GOOD)
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n`
    const size = (text: string) => text.length.toString(16)
    const half = json.length >> 1
    const chunks = [json.slice(0, half), json.slice(half)].map((text) => `${size(text)}\r\n${text}\r\n`)
    const answer = await sendRaw(
      shared,
      `${head}expect: 100-continue\r\nconnection: close\r\n\r\n${chunks.join('')}0\r\n\r\n`,
    )
    expect(answer).toContain('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK')
  })
})

function view(array: ArrayBufferView<ArrayBuffer>): Buffer {
  return Buffer.from(array.buffer)
}

describe('the other paths', () => {
  test('tell of health without a key', async () => {
    const paths = ['/healthz', '/readyz', '/v2/health/live', '/v2/health/ready']
    const answers = await Promise.all(paths.map((path) => fetch(shared.url + path)))
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200])
    expect(await answers[3]?.json()).toEqual({ ready: true })
    expect(await (await fetch(`${shared.url}/healthz`, { method: 'HEAD' })).text()).toBe('')
  })

  test('tell of the server and its models to who has a key', async () => {
    const get = async (path: string) => (await send({ method: 'GET', path })).json()
    expect(await get('/v2')).toEqual({
      name: 'sallyport',
      version: '1.2.3',
      extensions: ['binary_tensor_data'],
    })
    expect(await get('/v2/models/person/ready')).toEqual({ name: 'person', ready: true })
    expect(await get('/v2/models/person/versions/1/ready')).toEqual({ name: 'person', ready: true })
    const metadata = await get('/v2/models/person')
    expect(metadata).toMatchObject({ name: 'person', versions: ['1'], platform: 'onnxruntime_onnx' })
    expect(metadata.inputs[0]).toEqual({
      name: 'age',
      datatype: 'FP32',
      shape: [-1, 1],
      parameters: { minimum: 17, maximum: 90, unit: 'years' },
    })
    expect(metadata.outputs[0]).toEqual({ name: 'age-out', datatype: 'FP32', shape: [-1, 1] })
  })

  test('tell metrics only where that is configured', async () => {
    expect((await fetch(`${shared.url}/metrics`)).status).toBe(401)
    const open1 = await open({ servesMetrics: true })
    await send({ to: open1, body: GOOD })
    const answer = await fetch(`${open1.url}/metrics`)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain('sallyport_requests_total{model="person",version="1",code="ok"} 1')
  })

  test.each([
    '/',
    '/v2/',
    '/v2/models',
    '/v2/models/person/',
    '/v2/models/person/infer/',
    '/v2/models//infer',
    '/v2/models/PERSON/infer',
    '/v2/models/person%2Finfer',
    '/v2/models/%70erson/infer',
    '/v2/models/./person/infer',
    '/v2/models/x/../person/infer',
    '//v2/models/person/infer',
    '/v2/models/person/versions/2/infer',
    '/v2/models/nobody',
    'http://127.0.0.1/v2/models/person/infer',
    '/v2/models/person/infer;a=b',
  ])('%s does not exist', async (path) => {
    const request = `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
    const answer = await sendRaw(shared, request)
    expect(answer).toContain('HTTP/1.1 404 ')
    expect(answer).toContain('"code":"gateway.not-found"')
  })

  test('take no query', async () => {
    expect((await send({ path: `${INFER}?a=1`, body: GOOD })).json().code).toBe('gateway.query-refused')
  })

  test.each([
    ['GET', INFER, 'POST'],
    ['DELETE', INFER, 'POST'],
    ['POST', '/v2/models/person', 'GET, HEAD'],
    ['PUT', '/healthz', 'GET, HEAD'],
  ])('refuse %s %s, and say what they answer to', async (method, path, allow) => {
    const answer = await send({ method, path })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allow)
    expect(answer.json().code).toBe('gateway.wrong-method')
  })
})

describe('who is not let in', () => {
  test('gets the same answer whatever is wrong with the key', async () => {
    const expired = await parts.createKey(['infer'], Date.now() + 50)
    const revoked = await parts.createKey(['infer'])
    await parts.keys.revoke(revoked.keyId, 'test')
    await new Promise((resolve) => setTimeout(resolve, 60))
    const gateway = await open({})
    const wrongSecret = key.slice(0, -8) + expired.key.slice(-8)
    const attempts = [
      '',
      'Bearer ',
      'Basic abc',
      `Bearer ${wrongSecret}`,
      `Bearer ${expired.key}`,
      `Bearer ${revoked.key}`,
      'Bearer sp_aaaaaaaaaaaa_b',
    ]
    for (const authorization of attempts) {
      const answer = await send({ to: gateway, headers: { authorization }, body: GOOD })
      expect([authorization, answer.status]).toEqual([authorization, 401])
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect({ ...answer.json(), exchange: '' }).toEqual({
        error: 'the API key is missing or not valid; send a valid key as `Authorization: Bearer sp_…`',
        code: 'identity.unauthenticated',
        exchange: '',
      })
      expect((await entry(answer.event)).data).toMatchObject({ status: 401, reason: expect.any(String) })
    }
  })

  test('learns nothing of what is served', async () => {
    const without = { headers: { authorization: '' } }
    const texts = await Promise.all(
      [INFER, '/v2/models/nobody/infer', '/nothing', '/v2'].map(async (path) => {
        const { status, json } = await send({ ...without, path, body: GOOD })
        return JSON.stringify({ status, ...json(), exchange: '' })
      }),
    )
    expect(new Set(texts).size).toBe(1)
  })

  test('is refused two keys at once', async () => {
    const answer = await send({ headers: { 'x-api-key': key }, body: GOOD })
    expect(answer.status).toBe(401)
  })

  test('is told when the key may not infer', async () => {
    const admin = await parts.createKey(['admin'])
    const gateway = await open({})
    const answer = await send({ to: gateway, headers: { authorization: `Bearer ${admin.key}` }, body: GOOD })
    expect([answer.status, answer.json().code]).toEqual([403, 'gateway.scope-missing'])
    expect((await entry(answer.event)).data).toMatchObject({ status: 403 })
  })

  test('is out as soon as the snapshot without the key is swapped in', async () => {
    const gateway = await open({})
    const brief = await parts.createKey(['infer'])
    const headers = { authorization: `Bearer ${brief.key}` }
    expect((await send({ to: gateway, headers, body: GOOD })).status).toBe(401)
    gateway.gateway.swap({ keys: await parts.keys.snapshot(), routes: parts.routes })
    expect((await send({ to: gateway, headers, body: GOOD })).status).toBe(200)
    await parts.keys.revoke(brief.keyId, 'test')
    gateway.gateway.swap({ keys: await parts.keys.snapshot(), routes: new Map() })
    expect((await send({ to: gateway, headers, body: GOOD })).status).toBe(401)
    expect((await send({ to: gateway, body: GOOD })).status).toBe(404)
  })
})

describe('bad input', () => {
  test.each<[string, Sent, number, string, string?]>([
    ['an input out of range', { body: row(391, 40, 'Private') }, 400, 'gateway.invalid-input', 'age'],
    ['an unknown category', { body: row(39, 40, 'Secret-agent') }, 400, 'gateway.invalid-input', 'sector'],
    ['a fraction for an integer', { body: row(39, 40.5, 'Private') }, 400, 'gateway.invalid-tensor', 'hours'],
    ['a missing input', { body: { inputs: GOOD.inputs.slice(1) } }, 400, 'gateway.invalid-input', 'age'],
    [
      'an output that does not exist',
      { body: { ...GOOD, outputs: [{ name: 'q' }] } },
      400,
      'gateway.unknown-output',
    ],
    ['no body', {}, 400, 'gateway.invalid-json'],
    ['a name twice', { body: '{"inputs":[],"inputs":[]}' }, 400, 'gateway.duplicate-name'],
    ['JSON that nests too deep', { body: '['.repeat(50) }, 400, 'gateway.json-budget'],
    ['bytes that are not UTF-8', { body: new Uint8Array([0x22, 0xff, 0x22]) }, 400, 'gateway.invalid-utf8'],
    [
      'a compressed body',
      { headers: { 'content-encoding': 'gzip' }, body: 'x' },
      415,
      'gateway.content-encoding',
    ],
    [
      'another charset',
      { headers: { 'content-type': 'application/json; charset=utf-16' }, body: GOOD },
      415,
      'gateway.charset',
    ],
    [
      'a length of JSON that is no number',
      { headers: { 'inference-header-content-length': '1,2' }, body: GOOD },
      400,
      'gateway.invalid-request',
    ],
    ['a body over the limit', { body: 'x'.repeat(9 * 1024 * 1024) }, 413, 'gateway.body-too-large'],
  ])('%s gets its own clear error, which is an event first', async (_what, sent, status, code, input) => {
    const answer = await send(sent)
    expect([answer.status, answer.json().code, answer.json().input]).toEqual([status, code, input])
    expect(answer.json().error.length).toBeGreaterThan(10)
    const { type, data, private: caller } = await entry(answer.event)
    expect(type).toBe('exchange.refused')
    expect(data).toMatchObject({
      exchange: answer.json().exchange,
      status,
      code,
      model: 'person',
      version: '1',
    })
    expect(data['input']).toBe(input)
    expect(String(caller['key'])).toBe(keyId)
  })

  test('of inputs that only the worker can judge is the caller’s too', async () => {
    const inputs = EVERY_TYPE.inputs.map(({ name, datatype }) => ({
      name,
      datatype,
      shape: [1],
      data: [datatype === 'BYTES' ? 'a' : datatype === 'BOOL' ? true : 1],
    }))
    const [first, ...rest] = inputs
    const answer = await send({
      path: '/v2/models/every-type/infer',
      body: { inputs: [{ ...first, shape: [2], data: [1, 1] }, ...rest] },
    })
    expect(answer.status).toBe(400)
  })

  test('streamed without end is cut at the limit', async () => {
    const gateway = await open({ limits: { maxBodyBytes: 1000 } })
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n\r\n`
    const answer = await sendRaw(gateway, `${head}${`400\r\n${'x'.repeat(1024)}\r\n`.repeat(3)}`)
    expect(answer).toContain('HTTP/1.1 413 ')
    expect(answer).toContain('connection: close')
    expect(answer).toContain('larger than 1000 bytes')
  })

  test('that is too large is told so even to a client that reads only when it has sent it all', async () => {
    const gateway = await open({ limits: { maxBodyBytes: 1000 } })
    const size = 8 * 1024 * 1024
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-length: ${size}\r\n\r\n`
    const answer = await new Promise<string>((resolve, reject) => {
      let received = ''
      const socket = connect(gateway.port, '127.0.0.1').pause().setEncoding('latin1')
      socket.write(head)
      socket.write(Buffer.alloc(size), () => socket.resume())
      socket.on('data', (text) => {
        received += text
      })
      socket.on('close', () => resolve(received))
      socket.on('error', reject)
    })
    expect(answer).toContain('larger than 1000 bytes')
  })

  test.each([
    ['no HTTP', 'hello\r\n\r\n', '400', 'gateway.malformed-http'],
    [
      'a length and chunks at once',
      `POST ${INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      '400',
      'gateway.malformed-http',
    ],
    [
      'two lengths',
      `POST ${INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n`,
      '400',
      'gateway.malformed-http',
    ],
    [
      'a space before the colon',
      'GET /healthz HTTP/1.1\r\nhost : x\r\n\r\n',
      '400',
      'gateway.malformed-http',
    ],
    [
      'headers over the limit',
      `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
      '431',
      'gateway.headers-too-large',
    ],
  ])('that is %s is refused on the connection, and an event', async (_what, bytes, status, code) => {
    const before = parts.log.size
    const answer = await sendRaw(shared, bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain(code)
    expect(parts.log.size).toBe(before + 1)
  })

  test('a client that never ends its headers is answered 408 and cut', async () => {
    const gateway = await open({ limits: { headersTimeoutMs: 300 } })
    const began = performance.now()
    const answer = await sendRaw(gateway, 'GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ')
    expect(answer).toMatch(/^HTTP\/1.1 408 .*gateway.request-timeout/s)
    expect(performance.now() - began).toBeLessThan(5_000)
  })

  test('a client that never ends its body is answered 408, and gives its room back', async () => {
    const gateway = await open({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 300, maxConcurrent: 1 } })
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-length: 100\r\n\r\n`
    expect(await sendRaw(gateway, `${head}{`)).toMatch(/^HTTP\/1.1 408 .*gateway.request-timeout/s)
    expect((await send({ to: gateway, body: GOOD })).status).toBe(200)
  })

  test('chunks that are no chunks are refused within their request', async () => {
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n\r\n`
    const before = parts.log.size
    expect(await sendRaw(shared, `${head}5\r\nhello\r\nXYZ\r\n`)).toMatch(
      /^HTTP\/1.1 400 .*gateway.malformed-http/s,
    )
    expect(parts.log.size).toBe(before + 1)
  })

  test('bytes after a request do not disturb its answer', async () => {
    const json = JSON.stringify(GOOD)
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-length: ${json.length}\r\n\r\n`
    const answer = await sendRaw(shared, `${head}${json}hello\r\n\r\n`)
    expect(answer).not.toMatch(/HTTP\/1.1 \d+.*HTTP\/1.1 \d+/s)
  })

  test('an idle connection is closed', async () => {
    const gateway = await open({ limits: { idleTimeoutMs: 100 } })
    expect(await sendRaw(gateway, 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')).toContain('200 OK')
  })
})

describe('evidence', () => {
  test('of an answer names the exchange, the artifact and the decisions, and commits to both bodies', async () => {
    const answer = await send({ body: GOOD })
    const { type, data, commitments, private: caller } = await entry(answer.event)
    expect(type).toBe('exchange.served')
    expect(data).toEqual({
      exchange: answer.headers.get('x-sallyport-exchange'),
      model: 'person',
      version: '1',
      artifact: expect.stringMatching(/^[0-9a-f]{64}$/),
      environment: 'test',
      status: 200,
      durationMs: expect.any(Number),
      decisions: [{ control: 'input-schema', action: 'allow', durationMs: expect.any(Number) }],
    })
    expect(Object.keys(commitments).sort()).toEqual(['key', 'request', 'response', 'tenant'])
    expect([String(caller['key']), String(caller['tenant'])]).toEqual([keyId, 'default'])
  })

  test('is durable before the first byte of an answer or of a refusal leaves', async () => {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const gateway = await open({
      evidence: {
        async append(event) {
          const receipt = await parts.log.append(event)
          await held
          return receipt
        },
      },
    })
    let answers = 0
    const served = send({ to: gateway, body: GOOD }).finally(() => answers++)
    const refused = send({ to: gateway, body: 'x' }).finally(() => answers++)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(answers).toBe(0)
    release()
    expect([(await served).status, (await refused).status]).toEqual([200, 400])
  })

  test('that cannot be written means 503 for everything, and not ready', async () => {
    const fails = () =>
      Promise.reject(new SallyportError('audit.disk-failed', 'no space left', { kind: 'unavailable' }))
    const gateway = await open({ evidence: { append: fails } })
    for (const sent of [
      { body: GOOD },
      { body: 'x' },
      { headers: { authorization: '' } },
      { path: '/nothing' },
    ]) {
      const answer = await send({ to: gateway, ...sent })
      expect([answer.status, answer.json().code, answer.event]).toEqual([
        503,
        'gateway.evidence-unavailable',
        null,
      ])
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    expect(await sendRaw(gateway, 'hello\r\n\r\n')).toMatch(/^HTTP\/1.1 503 /)
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503)
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
    expect(gateway.logLines.filter((line) => line.includes('audit.disk-failed'))).toHaveLength(1)
  })

  test('stands in the log once for each of many concurrent answers', async () => {
    const before = parts.log.size
    const answers = await Promise.all(Array.from({ length: 200 }, () => send({ body: GOOD })))
    expect(new Set(answers.map((answer) => answer.event)).size).toBe(200)
    expect(parts.log.size - before).toBe(200)
  })
})

describe('a model', () => {
  test('that does not answer in time is a 504', async () => {
    const gateway = await open({ limits: { inferTimeoutMs: 200 } })
    const body = { inputs: [{ name: 'input', datatype: 'FP32', shape: [1], data: [1] }] }
    const answer = await send({ to: gateway, path: '/v2/models/endless/infer', body })
    expect([answer.status, (await entry(answer.event)).data['status']]).toEqual([504, 504])
  })

  test('whose worker never speaks again is not waited for', async () => {
    const gateway = await open({ limits: { inferTimeoutMs: 50 } })
    const silent = [...(parts.routes.values().next().value ?? [])].map((route) => ({
      ...route,
      infer: () => new Promise<never>(() => {}),
    }))
    gateway.gateway.swap({
      keys: await parts.keys.snapshot(),
      routes: new Map(silent.map((route) => [route.model, [route]])),
    })
    const answer = await send({ to: gateway, body: GOOD })
    expect([answer.status, answer.json().code]).toEqual([504, 'gateway.timeout'])
  })

  test('that is not there is a 503 with Retry-After, and the gateway is not ready', async () => {
    const gateway = await open({})
    const dead = [...(parts.routes.values().next().value ?? [])].map((route) => ({
      ...route,
      isReady: () => false,
      infer: () =>
        Promise.reject(
          new SallyportError('runtime.worker-unavailable', 'being started', {
            kind: 'unavailable',
            details: { retryAfterMs: 2500 },
          }),
        ),
    }))
    gateway.gateway.swap({
      keys: await parts.keys.snapshot(),
      routes: new Map(dead.map((route) => [route.model, [route]])),
    })
    const answer = await send({ to: gateway, body: GOOD })
    expect([answer.status, answer.json().code, answer.headers.get('retry-after')]).toEqual([
      503,
      'runtime.worker-unavailable',
      '3',
    ])
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503)
    expect((await send({ to: gateway, method: 'GET', path: '/v2/models/person/ready' })).status).toBe(503)
  })

  test('is told when the client leaves, which is an event', async () => {
    const gateway = await open({})
    let aborted: (() => void) | undefined
    const left = new Promise<void>((resolve) => {
      aborted = resolve
    })
    const waiting = [...(parts.routes.values().next().value ?? [])].map((route) => ({
      ...route,
      infer: (_inputs: unknown, { signal }: { signal: AbortSignal }) =>
        new Promise<never>(() => signal.addEventListener('abort', () => aborted?.())),
    }))
    gateway.gateway.swap({
      keys: await parts.keys.snapshot(),
      routes: new Map(waiting.map((route) => [route.model, [route]])),
    })
    const client = new AbortController()
    const before = parts.log.size
    const answer = send({ to: gateway, body: GOOD, signal: client.signal })
    setTimeout(() => client.abort(), 100)
    await expect(answer).rejects.toThrow()
    await left
    await expect.poll(() => parts.log.size).toBe(before + 1)
    expect(await gateway.metrics.render()).toContain('code="gateway.client-left"} 1')
  })
})

describe('room', () => {
  test('for requests is bounded: one more is a 503 with Retry-After', async () => {
    const gateway = await open({ limits: { maxConcurrent: 2, inferTimeoutMs: 500 } })
    const body = { inputs: [{ name: 'input', datatype: 'FP32', shape: [1], data: [1] }] }
    const path = '/v2/models/endless/infer'
    const slow = [send({ to: gateway, path, body }), send({ to: gateway, path, body })]
    await new Promise((resolve) => setTimeout(resolve, 100))
    const answer = await send({ to: gateway, body: GOOD })
    expect([answer.status, answer.json().code, answer.headers.get('retry-after')]).toEqual([
      503,
      'gateway.overloaded',
      '1',
    ])
    await Promise.all(slow)
    expect((await send({ to: gateway, body: GOOD })).status).toBe(200)
  })

  test('for bodies is bounded over all requests, announced or streamed', async () => {
    const gateway = await open({ limits: { maxBufferedBytes: 100 } })
    const answer = await send({ to: gateway, body: GOOD })
    expect([answer.status, answer.json().code]).toEqual([503, 'gateway.overloaded'])
    const head = `POST ${INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n\r\n`
    expect(await sendRaw(gateway, `${head}80\r\n${'x'.repeat(128)}\r\n0\r\n\r\n`, '}')).toContain(
      'gateway.overloaded',
    )
  })

  test('for bodies is given back after each request', async () => {
    const gateway = await open({ limits: { maxBufferedBytes: 1000 } })
    for (let count = 0; count < 8; count++) {
      expect((await send({ to: gateway, body: GOOD })).status).toBe(200)
      expect((await send({ to: gateway, body: `"${'x'.repeat(500)}` })).status).toBe(400)
    }
    expect(await gateway.metrics.render()).toContain('sallyport_buffered_bytes 0')
  })
})

describe('closing', () => {
  test('lets what runs end, and takes nothing new', async () => {
    const gateway = await runGateway(parts, { limits: { inferTimeoutMs: 300 } })
    const body = { inputs: [{ name: 'input', datatype: 'FP32', shape: [1], data: [1] }] }
    const slow = send({ to: gateway, path: '/v2/models/endless/infer', body })
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closing = gateway.gateway.close(5_000)
    const answer = await slow
    expect([answer.status, answer.headers.get('connection')]).toEqual([504, 'close'])
    await closing
    await expect(fetch(`${gateway.url}/healthz`)).rejects.toThrow()
  })

  test('cuts what does not end in time', async () => {
    const gateway = await runGateway(parts)
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write('POST / HTTP/1.1\r\n'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const began = performance.now()
    await gateway.gateway.close(200)
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  test('a port in use is a typed error', async () => {
    const { createGateway } = await import('./index.ts')
    const { metrics } = await open({})
    expect(metrics).toBeDefined()
    const second = createGateway({
      host: '127.0.0.1',
      port: shared.port,
      version: '',
      snapshot: { keys: await parts.keys.snapshot(), routes: new Map() },
      controls: [],
      evidence: parts.log,
      metrics: new (await import('../observe/index.ts')).Metrics({ processMetrics: false }),
      logger: (await import('../observe/index.ts')).createLogger({ level: 'silent' }),
      clock: { now: () => 0 },
    })
    await expect(second.listen()).rejects.toMatchObject({ code: 'gateway.cannot-listen', kind: 'conflict' })
  })
})

test('a name that the client made up stands in no event', async () => {
  const inputs = [{ name: 'made-up', datatype: 'FP32', shape: [1], data: ['x'] }]
  const answer = await send({ body: { inputs } })
  expect([answer.status, answer.json().input]).toEqual([400, 'made-up'])
  expect(JSON.stringify((await entry(answer.event)).data)).not.toContain('made-up')
})

test('no feature, key or answer stands in an error, a log line, a metric or the clear part of an event', async () => {
  const gateway = await open({ servesMetrics: true })
  const canary = 'CANARY-3141592653'
  const numeric = 3141592653
  const errors: string[] = []
  const from = parts.log.size
  const bodies = [
    GOOD,
    row(numeric, 40, 'Private'),
    row(39, numeric, 'Private'),
    row(39, 40, canary),
    { ...row(39, 40, 'Private'), id: numeric },
    { inputs: [{ name: 'age', datatype: canary, shape: [canary], data: [canary] }] },
    { inputs: [{ name: 'age', datatype: 'FP32', shape: [1, 1], data: [canary] }] },
    { inputs: [{ name: `${canary} is my name`, datatype: 'FP32', shape: [1], data: [1] }] },
    `{"inputs":[{"name":"${canary}"`,
    { ...GOOD, outputs: [{ name: canary }] },
    { ...GOOD, inputs: [{ ...GOOD.inputs[0], data: [canary], parameters: { binary_data_size: canary } }] },
  ]
  for (const body of bodies) {
    const answer = await send({ to: gateway, body })
    if (answer.status !== 200) errors.push(answer.bytes.toString())
  }
  const unauthorised = await send({ to: gateway, headers: { authorization: `Bearer ${canary}` } })
  errors.push(unauthorised.bytes.toString())
  const texts = [...errors, ...gateway.logLines, await gateway.metrics.render()]
  for await (const logged of parts.log.read(from, parts.log.size))
    texts.push(JSON.stringify([logged.type, logged.data]))
  expect(errors.length).toBe(11)
  for (const text of texts) {
    expect(text).not.toContain(canary)
    expect(text).not.toContain(String(numeric))
    expect(text).not.toContain(key)
    expect(text).not.toContain('Private')
  }
})
