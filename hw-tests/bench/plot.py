"""CPU of one scrape over the number of CPUs, measured and drawn as SVG by hand."""
import pathlib
import tempfile
import time

import exporters

# Sockets, cores, threads: 8 to 3,584 CPUs.
MACHINES = [(1, 4, 2), (2, 16, 2), (4, 28, 2), (8, 28, 2), (16, 28, 2), (32, 28, 2), (64, 28, 2)]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 400, 64, 48, 36, 24


def scale(binaries, tree, file):
    """Measures and draws; prints the figures."""
    points = []
    for sockets, cores, threads in MACHINES:
        with tempfile.TemporaryDirectory() as folder:
            # What is not a CPU stays the same, so that the line is that of the CPUs.
            host = tree(pathlib.Path(folder) / "host", sockets=sockets, cores=cores, threads=threads, hwmon=64, mc=8,
                        disks=32, nics=4, irqs=2000, nvme=4)
            state = pathlib.Path(folder) / "state"
            state.mkdir()
            peer = exporters.start_socle(binaries, state, exporters.LARGE, host)
            try:
                time.sleep(2)
                exporters.scrape(peer, 3, compressed=False)
                exporters.scrape(peer, 20, compressed=False)
                points.append((sockets * cores * threads, peer.cpu_identity / 1e6))
            finally:
                peer.stop()
    print("\n## CPU per scrape over the number of CPUs (identity)\n\n| CPUs | ms | µs per CPU |\n|---:|---:|---:|")
    for cpus, ms in points:
        print(f"| {cpus} | {ms:.2f} | {ms / cpus * 1000:.2f} |")
    file.write_text(draw(points))


def draw(points):
    """A plot with a line through the origin and the largest machine beside the points."""
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points) * 1.1
    at_x = lambda x: LEFT + x / most_x * (WIDTH - LEFT - RIGHT)
    at_y = lambda y: HEIGHT - BOTTOM - y / most_y * (HEIGHT - BOTTOM - TOP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
             f'<text x="{LEFT}" y="22" font-weight="bold">CPU of one scrape (ms, both halves, identity) over the number of CPUs</text>']
    for n in range(6):
        y, x = most_y * n / 5, most_x * n / 5
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at_y(y):.1f}" y2="{at_y(y):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y:.1f}</text>')
        parts.append(f'<text x="{at_x(x):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{x:.0f}</text>')
    last_x, last_y = points[-1]
    parts.append(f'<line x1="{at_x(0):.1f}" y1="{at_y(0):.1f}" x2="{at_x(last_x):.1f}" y2="{at_y(last_y):.1f}" stroke="#999" stroke-dasharray="5 4"/>')
    path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="#0a58ca" stroke-width="2"/>')
    parts += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="4" fill="#0a58ca"/>' for x, y in points]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">logical CPUs; dashed: proportional to them</text>')
    return "\n".join([*parts, "</svg>", ""])
