import { SallyportError } from '../../core/index.ts'
import { FAILURE } from '../protocol/index.ts'

/** The errors of this wing, each with what to do about it. */
export const refusals = {
  unavailable: (retryAfterMs: number) =>
    new SallyportError('runtime.worker-unavailable', 'the worker of the model is being started', {
      kind: 'unavailable',
      remedy: 'try again shortly; if it goes on, look at the worker events of the model',
      details: { retryAfterMs },
    }),
  stopped: () =>
    new SallyportError('runtime.worker-stopped', 'the worker of the model was stopped', {
      kind: 'unavailable',
      remedy: 'deploy the model again, or call another version',
    }),
  exited: () =>
    new SallyportError('runtime.worker-exited', 'the worker of the model ended while it had the call', {
      kind: 'unavailable',
      remedy: 'try again; if it happens with the same inputs, the model cannot take them',
      details: { retryAfterMs: 0 },
    }),
  queueFull: () =>
    new SallyportError('runtime.queue-full', 'too many calls wait for the model', {
      kind: 'unavailable',
      remedy: 'try again later, or with fewer calls at once',
    }),
  timeout: (timeoutMs: number) =>
    new SallyportError('runtime.timeout', `the model did not answer within ${timeoutMs} ms`, {
      kind: 'timeout',
      remedy: 'try again with fewer rows, or let the operator raise the time limit',
    }),
  aborted: () =>
    new SallyportError('runtime.aborted', 'the caller gave the call up', {
      kind: 'timeout',
    }),
  requestTooLarge: (maxBytes: number) =>
    new SallyportError('runtime.request-too-large', `the inputs are longer than ${maxBytes} bytes`, {
      kind: 'too-large',
      remedy: 'send fewer rows at once',
    }),
  loadTimeout: (timeoutMs: number) =>
    new SallyportError('runtime.load-timeout', `the model did not load within ${timeoutMs} ms`, {
      kind: 'timeout',
      remedy: 'check the load of the machine, or raise the load time limit',
    }),
  startFailed: (detail: string) =>
    new SallyportError('runtime.worker-start-failed', 'the worker ended before it had loaded the model', {
      kind: 'internal',
      remedy: 'see details.worker for what it said; a memory limit that is too low is one cause',
      details: { worker: detail },
    }),
  notSpawned: (cause: unknown) =>
    new SallyportError('runtime.worker-not-spawned', 'the process of the worker could not be started', {
      kind: 'internal',
      remedy: 'check the limits on processes and memory of this machine',
      cause,
    }),
  violation: (detail: string) =>
    new SallyportError('runtime.protocol-violation', 'the worker broke the protocol and was killed', {
      kind: 'internal',
      remedy: 'treat the model as hostile: retire it and examine its files',
      details: { violation: detail },
    }),
  digestMismatch: () =>
    new SallyportError(
      'runtime.digest-mismatch',
      'the worker loaded something else than the artifact it was to load, and was killed',
      { kind: 'refused', remedy: 'verify the stored model; do not serve it until that passes' },
    ),
  loadRefused: (code: string, reason: string) =>
    new SallyportError(code, `the model was not loaded: ${reason}`, {
      kind: 'refused',
      remedy: 'verify the stored model, or convert it to what onnxruntime can run',
    }),
  modelTooLarge: () =>
    new SallyportError('runtime.model-too-large', 'the model, its manifest or its path is too long to load', {
      kind: 'refused',
      remedy: 'keep the model file below 2 GiB',
    }),
}

/** What a failed call is to its caller; the library's own text stays in the worker. */
export function failureOf(status: number): SallyportError | undefined {
  switch (status) {
    case FAILURE.inputRejected:
      return new SallyportError('runtime.input-rejected', 'the model does not take inputs of these shapes', {
        kind: 'invalid',
        remedy: 'send the inputs that the metadata of the model names, with their datatypes and shapes',
      })
    case FAILURE.inferenceFailed:
      return new SallyportError(
        'runtime.inference-failed',
        'the model could not compute an answer to these inputs',
        {
          kind: 'internal',
          remedy:
            'check the inputs against the model card; declare ranges and categories to refuse such inputs early',
        },
      )
    case FAILURE.outOfMemory:
      return new SallyportError('runtime.out-of-memory', 'the model needs more memory than it may use', {
        kind: 'too-large',
        remedy: 'send fewer rows, or let the operator raise the memory limit',
      })
    case FAILURE.answerTooLarge:
      return new SallyportError('runtime.answer-too-large', 'the answer is longer than may be sent', {
        kind: 'too-large',
        remedy: 'send fewer rows',
      })
    default:
      return undefined
  }
}
