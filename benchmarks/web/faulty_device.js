// Stands in for the package's webgpu_device.js (device.js here), whose devices it makes fail as the page (losses.js) says.
import { GpuDevice as Device } from "./device.js";
export * from "./device.js";

/** {loss_ms}, {allocation} or {count}, of the device that is opened next; null: none. */
function nextFault() {
  const channel = new BroadcastChannel("faults");
  return new Promise((resolve) => {
    channel.onmessage = ({ data }) => resolve({ ...data.fault, channel });
    channel.postMessage({ asks: true });
  });
}

export class GpuDevice extends Device {
  static async open() {
    const [gpu, fault] = await Promise.all([Device.open(), nextFault()]);
    if (fault.loss_ms !== undefined) setTimeout(() => gpu.device.destroy(), fault.loss_ms);
    const make = gpu.device.createBuffer.bind(gpu.device);
    let left = fault.allocation ?? Infinity;
    gpu.device.createBuffer = (wanted) => {
      if (fault.count) fault.channel.postMessage({ made: true });
      return make(left-- === 0 ? { ...wanted, size: 2 ** 40 } : wanted); // more than there is anywhere
    };
    return gpu;
  }
}
