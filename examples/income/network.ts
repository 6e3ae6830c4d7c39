import type { Sample } from './features.ts'
import { randomFrom, shuffled } from './random.ts'

/** A perceptron with one hidden layer of rectified units and one output, the logit of an income above 50K. */
export interface Network {
  readonly inputs: number
  readonly hidden: number
  /** [inputs, hidden], row-major: the row of a one-hot feature is what it adds to the hidden layer. */
  readonly weights: Float32Array
  /** [hidden] */
  readonly biases: Float32Array
  /** [hidden] */
  readonly outputWeights: Float32Array
  /** [1] */
  readonly outputBias: Float32Array
}

export interface TrainingOptions {
  readonly hidden: number
  readonly epochs: number
  readonly batch: number
  readonly learningRate: number
  /** Decoupled weight decay (AdamW), on the weights and not on the biases. */
  readonly weightDecay: number
  /** The share of hidden units left out at each step. */
  readonly dropout: number
  readonly seed: number
  readonly onEpoch?: (epoch: number, loss: number, network: Network) => void
}

/** Trains with AdamW on the binary cross-entropy. The same samples, options and seed give the same bits. */
export function trainNetwork(samples: readonly Sample[], inputs: number, options: TrainingOptions): Network {
  const random = randomFrom(options.seed)
  const network = initialNetwork(inputs, options.hidden, random)
  const gradient = emptyNetwork(inputs, options.hidden)
  const layers = [
    new AdamW(network.weights, gradient.weights, options.weightDecay),
    new AdamW(network.biases, gradient.biases, 0),
    new AdamW(network.outputWeights, gradient.outputWeights, options.weightDecay),
    new AdamW(network.outputBias, gradient.outputBias, 0),
  ]
  const pass = new Pass(network, gradient, options.dropout, random)
  const steps = options.epochs * Math.ceil(samples.length / options.batch)
  let step = 0
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const order = shuffled(samples.length, random)
    let loss = 0
    for (let first = 0; first < order.length; first += options.batch) {
      const batch = order.subarray(first, first + options.batch)
      for (const index of batch) {
        const sample = samples[index]
        if (sample !== undefined) loss += pass.learn(sample)
      }
      step++
      // From the full rate down to nothing along half a cosine.
      const rate = options.learningRate * 0.5 * (1 + Math.cos((Math.PI * step) / steps))
      for (const layer of layers) layer.step(step, rate, batch.length)
    }
    options.onEpoch?.(epoch, loss / samples.length, network)
  }
  return network
}

/** The probability of an income above 50K, computed as the exported graph does. */
export function predict(network: Network, sample: Sample): number {
  const { hidden } = network
  let logit = network.outputBias[0] ?? 0
  const sums = hiddenSums(network, sample, new Float64Array(hidden))
  for (let unit = 0; unit < hidden; unit++) {
    const sum = sums[unit] ?? 0
    if (sum > 0) logit += sum * (network.outputWeights[unit] ?? 0)
  }
  return sigmoid(logit)
}

function hiddenSums(network: Network, sample: Sample, sums: Float64Array): Float64Array {
  const { weights, hidden } = network
  sums.set(network.biases)
  for (let input = 0; input < sample.dense.length; input++) {
    const value = sample.dense[input] ?? 0
    const row = input * hidden
    for (let unit = 0; unit < hidden; unit++)
      sums[unit] = (sums[unit] ?? 0) + value * (weights[row + unit] ?? 0)
  }
  for (const input of sample.hot) {
    const row = input * hidden
    for (let unit = 0; unit < hidden; unit++) sums[unit] = (sums[unit] ?? 0) + (weights[row + unit] ?? 0)
  }
  return sums
}

/** Forward and backward through one sample, adding to the gradient. */
class Pass {
  readonly #network: Network
  readonly #gradient: Network
  readonly #dropout: number
  readonly #random: () => number
  readonly #sums: Float64Array
  readonly #kept: Float64Array
  readonly #slopes: Float64Array

  constructor(network: Network, gradient: Network, dropout: number, random: () => number) {
    this.#network = network
    this.#gradient = gradient
    this.#dropout = dropout
    this.#random = random
    this.#sums = new Float64Array(network.hidden)
    this.#kept = new Float64Array(network.hidden)
    this.#slopes = new Float64Array(network.hidden)
  }

  /** Returns the sample's loss. */
  learn(sample: Sample): number {
    const { hidden, outputWeights, outputBias } = this.#network
    const sums = hiddenSums(this.#network, sample, this.#sums)
    const kept = this.#kept
    let logit = outputBias[0] ?? 0
    for (let unit = 0; unit < hidden; unit++) {
      const isLeftOut = this.#random() < this.#dropout
      kept[unit] = isLeftOut || (sums[unit] ?? 0) <= 0 ? 0 : 1 / (1 - this.#dropout)
      logit += (sums[unit] ?? 0) * (kept[unit] ?? 0) * (outputWeights[unit] ?? 0)
    }
    const probability = sigmoid(logit)
    this.#addGradient(sample, probability - sample.label)
    return -Math.log(Math.max(1e-12, sample.label === 1 ? probability : 1 - probability))
  }

  #addGradient(sample: Sample, error: number): void {
    const { hidden, outputWeights } = this.#network
    const gradient = this.#gradient
    const slopes = this.#slopes
    gradient.outputBias[0] = (gradient.outputBias[0] ?? 0) + error
    for (let unit = 0; unit < hidden; unit++) {
      const kept = this.#kept[unit] ?? 0
      gradient.outputWeights[unit] =
        (gradient.outputWeights[unit] ?? 0) + error * kept * (this.#sums[unit] ?? 0)
      const slope = error * kept * (outputWeights[unit] ?? 0)
      slopes[unit] = slope
      gradient.biases[unit] = (gradient.biases[unit] ?? 0) + slope
    }
    for (let input = 0; input < sample.dense.length; input++) this.#addRow(input, sample.dense[input] ?? 0)
    for (const input of sample.hot) this.#addRow(input, 1)
  }

  #addRow(input: number, value: number): void {
    const { hidden } = this.#network
    const weights = this.#gradient.weights
    const row = input * hidden
    for (let unit = 0; unit < hidden; unit++) {
      weights[row + unit] = (weights[row + unit] ?? 0) + value * (this.#slopes[unit] ?? 0)
    }
  }
}

const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8

/** Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101) over one array. Clears the gradient. */
class AdamW {
  readonly #values: Float32Array
  readonly #gradient: Float32Array
  readonly #decay: number
  readonly #first: Float64Array
  readonly #second: Float64Array

  constructor(values: Float32Array, gradient: Float32Array, decay: number) {
    this.#values = values
    this.#gradient = gradient
    this.#decay = decay
    this.#first = new Float64Array(values.length)
    this.#second = new Float64Array(values.length)
  }

  step(step: number, rate: number, batch: number): void {
    const correction1 = 1 - BETA1 ** step
    const correction2 = 1 - BETA2 ** step
    for (let index = 0; index < this.#values.length; index++) {
      const slope = (this.#gradient[index] ?? 0) / batch
      const first = BETA1 * (this.#first[index] ?? 0) + (1 - BETA1) * slope
      const second = BETA2 * (this.#second[index] ?? 0) + (1 - BETA2) * slope * slope
      this.#first[index] = first
      this.#second[index] = second
      const value = this.#values[index] ?? 0
      const move = first / correction1 / (Math.sqrt(second / correction2) + EPSILON)
      this.#values[index] = value - rate * (move + this.#decay * value)
      this.#gradient[index] = 0
    }
  }
}

function emptyNetwork(inputs: number, hidden: number): Network {
  return {
    inputs,
    hidden,
    weights: new Float32Array(inputs * hidden),
    biases: new Float32Array(hidden),
    outputWeights: new Float32Array(hidden),
    outputBias: new Float32Array(1),
  }
}

/** Uniform after He et al. (arXiv 1502.01852); few inputs are not zero at once, so the first layer counts as `ACTIVE`. */
const ACTIVE_INPUTS = 14

function initialNetwork(inputs: number, hidden: number, random: () => number): Network {
  const network = emptyNetwork(inputs, hidden)
  const fill = (values: Float32Array, fanIn: number): void => {
    const limit = Math.sqrt(6 / fanIn)
    for (let index = 0; index < values.length; index++) values[index] = (random() * 2 - 1) * limit
  }
  fill(network.weights, ACTIVE_INPUTS)
  fill(network.outputWeights, hidden)
  return network
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}
