// Numbers as a person reads them.

export const count = (number) => (number < 10 && number > 0 ? number.toFixed(1) : Math.round(number).toLocaleString("en"));

export function bytes(octets) {
  let unit = 0;
  while (octets >= 1000 && unit < 4) {
    octets /= 1024;
    unit += 1;
  }
  return `${octets.toFixed(unit && octets < 100 ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
}

export function duration(seconds) {
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

export const percent = (share) => `${share < 10 ? share.toFixed(1) : share.toFixed(0)} %`;

export const milliseconds = (seconds) => {
  if (seconds === null || seconds === undefined) return "–";
  const ms = seconds * 1000;
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${ms.toFixed(0)} ms` : `${seconds.toFixed(1)} s`;
};

export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour12: false });

/** Say when a tick is that stands among others `step` s apart: days where these are far from each other. */
export function tick(unix, step) {
  const then = new Date(unix * 1000);
  const midnight = then.getHours() === 0 && then.getMinutes() === 0 && then.getSeconds() === 0;
  if (step >= 86400 || (step >= 60 && midnight)) return then.toLocaleDateString([], { day: "numeric", month: "short" });
  return then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: step >= 60 ? undefined : "2-digit", hour12: false });
}

export const moment = (unix) => new Date(unix * 1000).toLocaleString([], { hour12: false });
