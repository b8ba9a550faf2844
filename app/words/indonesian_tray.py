"""Bahasa Indonesia: the tray, its dialogs, the endpoint, and how Flowork is doing."""

from collections.abc import Mapping
from typing import Final

CATALOGUE: Final[Mapping[str, str]] = {
    "&All engines": "Semu&a mesin kerja",
    "&Automatic": "&Otomatis",
    "&Automatic (now {number})": "&Otomatis (kini {number})",
    "&Copy URL": "&Salin URL",
    "&Drain and quit": "&Selesaikan lalu keluar",
    "&Drain: take no new jobs": "&Kuras: jangan terima pekerjaan baru",
    "&End every token": "&Akhiri semua token",
    "&Finish, then quit": "&Selesaikan, lalu keluar",
    "&First steps…": "Langkah &pertama…",
    "&For:": "&Untuk:",
    "&Give back and quit now": "Kem&balikan dan keluar sekarang",
    "&Go on": "&Lanjutkan",
    "&Keep running": "&Tetap berjalan",
    "&Let it in": "&Izinkan masuk",
    "&Look at and copy…": "&Lihat dan salin…",
    "&Look from outside": "&Lihat dari luar",
    "&Open Flowork": "&Buka Flowork",
    "&Open the log folder": "&Buka folder log",
    "&Pause this machine's engine": "&Jeda mesin kerja komputer ini",
    "&Quit": "&Keluar",
    "&Refuse": "&Tolak",
    "&Restart": "&Mulai ulang",
    "&Resume: take jobs again": "&Lanjutkan: terima pekerjaan lagi",
    "&Rotate": "&Rotasi",
    "&Settings of the endpoint…": "&Pengaturan alamat publik…",
    "&Signing keys…": "&Kunci penanda tangan…",
    "&Stop": "&Hentikan",
    "&Workers": "P&ekerja",
    "A device has taken the code. Waiting for it to sign…": "Sebuah perangkat memakai kode ini. Menunggu tanda tangannya…",
    "A device of mine (owner)": "Perangkat saya sendiri (pemilik)",
    "A new key signs": "Kunci baru mulai menandatangani",
    "A new person…": "Orang baru…",
    "A queue is unavailable": "Sebuah antrean tidak tersedia",
    "A service level is missed": "Tingkat layanan tidak tercapai",
    "An engine is down": "Sebuah mesin kerja mati",
    "Another device of {name}": "Perangkat lain milik {name}",
    "Asked.": "Diminta.",
    "A quick tunnel cannot lead to a Unix socket. Set tunnel_over_tcp = true under [gateway] in config.toml.": (
        "Terowongan cepat tidak dapat menuju soket Unix. Setel tunnel_over_tcp = true di bawah [gateway] dalam config.toml."
    ),
    "Cloudflare does not take the tunnel's token. Copy it again from its dashboard: flowork endpoint set named --token": (
        "Cloudflare tidak menerima token terowongan. Salin lagi dari dasbornya: flowork endpoint set named --token"
    ),
    "Cloudflare lets quick tunnels be made only now and then.": "Cloudflare hanya sesekali mengizinkan terowongan cepat dibuat.",
    "It failed in a way that nobody foresaw; the log says more. Restart it.": (
        "Gagal dengan cara yang tidak terduga; log menjelaskan lebih lanjut. Mulai ulang."
    ),
    "The gateway was not reached at that address. Is your proxy up, and does it lead to the address shown here?": (
        "Gerbang tidak terjangkau di alamat itu. Apakah proksi Anda hidup, dan menuju alamat yang ditampilkan di sini?"
    ),
    "The origin is missing: write the https address under which the tunnel is published.": (
        "Alamatnya belum ada: tulis alamat https tempat terowongan diterbitkan."
    ),
    "The tunnel is up, but the gateway was not reached through it. A new name may need a minute; else look at its routes.": (
        "Terowongan hidup, tetapi gerbang tidak terjangkau melaluinya. Nama baru mungkin perlu satu menit; jika tidak, periksa rutenya."
    ),
    "There is no token for the named tunnel. Copy it from Cloudflare's dashboard: flowork endpoint set named --token": (
        "Belum ada token untuk terowongan bernama. Salin dari dasbor Cloudflare: flowork endpoint set named --token"
    ),
    "This cloudflared does not know what Flowork asks of it. Update it, then restart the endpoint.": (
        "cloudflared ini tidak mengenal permintaan Flowork. Perbarui, lalu mulai ulang alamat publik."
    ),
    "cloudflared is not installed, or not where the settings say. Install it, or set [endpoint] program.": (
        "cloudflared belum terpasang, atau tidak di tempat yang disebut pengaturan. Pasang, atau setel [endpoint] program."
    ),
    "Browsers and programs stay signed in. If somebody may have had the old key, end every access token at once instead.": (
        "Peramban dan program tetap masuk. Jika kunci lama mungkin diketahui orang lain, akhiri semua token akses sekaligus."
    ),
    "Calls": "Memanggil",
    "Code": "Kode",
    "Connected, but not reached from outside": "Tersambung, tetapi tidak terjangkau dari luar",
    "Connecting…": "Menyambung…",
    "Copied": "Tersalin",
    "Copy &link": "Salin &tautan",
    "Dia&gnostics": "Dia&gnostik",
    "Do this every time": "Selalu lakukan ini",
    "Down": "Mati",
    "Down · next try in {seconds} s": "Mati · dicoba lagi dalam {seconds} d",
    "Drain &and quit": "Selesaikan &lalu keluar",
    "Draining": "Menguras",
    "Draining · {jobs} running": "Menguras · {jobs} berjalan",
    "Engine {name}": "Mesin kerja {name}",
    "Enter these at Cloudflare: Service, and under Additional settings the HTTP Host Header.": (
        "Isikan ini di Cloudflare: Service, dan di Additional settings bagian HTTP Host Header."
    ),
    "Everything that ran has finished.": "Semua yang berjalan telah selesai.",
    "Finish them first: no new ones are taken meanwhile.": "Selesaikan dahulu: sementara itu tidak ada yang baru diterima.",
    "Finishing {number} jobs…": "Menyelesaikan {number} pekerjaan…",
    "Finishing…": "Menyelesaikan…",
    "Flowork does not start by itself.": "Flowork tidak mulai dengan sendirinya.",
    "Flowork keeps running": "Flowork tetap berjalan",
    "Flowork quits when they are done.": "Flowork keluar setelah semuanya selesai.",
    "Flowork serves": "Flowork melayani",
    "Flowork starts when you log in.": "Flowork mulai saat Anda masuk.",
    "Gateway's key": "Kunci gerbang",
    "Given back, they start again later, here or elsewhere; nothing is lost.": (
        "Jika dikembalikan, pekerjaan dimulai lagi nanti, di sini atau di tempat lain; tidak ada yang hilang."
    ),
    "Go on": "Lanjutkan",
    "Going on": "Dilanjutkan",
    "How it is reached": "Cara menjangkaunya",
    "How long that takes is not known yet.": "Lamanya belum diketahui.",
    "It can be revoked at any time under Devices and users.": "Dapat dicabut kapan saja di Perangkat dan pengguna.",
    "It needs you": "Perlu perhatian Anda",
    "It serves once, for five minutes. Nothing was let in.": "Berlaku sekali, selama lima menit. Tidak ada yang diizinkan masuk.",
    "Its icon is in the tray": "Ikonnya ada di baki sistem",
    "Its id is {kid}.": "Pengenalnya {kid}.",
    "Jobs are taken again.": "Pekerjaan diterima lagi.",
    "Jobs are taken and done without the window, too.": "Pekerjaan tetap diterima dan dikerjakan tanpa jendela ini.",
    "Jobs are taken and wait in the queue.": "Pekerjaan diterima dan menunggu di antrean.",
    "Jobs are taken.": "Pekerjaan diterima.",
    "Jobs wait for {names}, and no machine that serves it is up.": (
        "Ada pekerjaan yang menunggu {names}, tetapi tidak ada komputer yang melayaninya."
    ),
    "Keep Flowork running?": "Biarkan Flowork tetap berjalan?",
    "Keys are stored unencrypted": "Kunci disimpan tanpa enkripsi",
    "Let a new key sign access tokens?": "Biarkan kunci baru menandatangani token akses?",
    "Let it pass the name that was asked for as X-Forwarded-Host and the visitor's address as CF-Connecting-IP.": (
        "Teruskan nama yang diminta sebagai X-Forwarded-Host dan alamat pengunjung sebagai CF-Connecting-IP."
    ),
    "Make a &code": "Buat &kode",
    "Make a new &code": "Buat &kode baru",
    "Making a code…": "Membuat kode…",
    "Name of the person": "Nama orang itu",
    "New jobs are refused with the time to come back; running ones finish.": (
        "Pekerjaan baru ditolak beserta waktu untuk mencoba lagi; yang berjalan diselesaikan."
    ),
    "New jobs are refused; running ones finish.": "Pekerjaan baru ditolak; yang berjalan diselesaikan.",
    "No jobs are taken until you start it.": "Tidak ada pekerjaan yang diterima sebelum Anda memulainya.",
    "No machine of that engine has a token in use.": "Tidak ada komputer mesin kerja itu yang memakai token.",
    "Not reached from outside · {where}": "Tidak terjangkau dari luar · {where}",
    "Not running: something failed": "Tidak berjalan: ada yang gagal",
    "Nothing to rotate": "Tidak ada yang dirotasi",
    "Only this machine": "Hanya komputer ini",
    "Pair a &browser…": "Pasangkan pera&mban…",
    "Paused": "Dijeda",
    "Paused · {jobs} waiting": "Dijeda · {jobs} menunggu",
    "Public &endpoint": "Alamat pu&blik",
    "QR code of the pairing link": "Kode QR tautan pemasangan",
    "Quit Flowork": "Keluar dari Flowork",
    "Reached from outside": "Terjangkau dari luar",
    "Reached, by fewer connections than usual": "Terjangkau, dengan sambungan lebih sedikit dari biasanya",
    "Ready · no jobs": "Siap · tidak ada pekerjaan",
    "Ready · {where}": "Siap · {where}",
    "Restart the endpoint": "Mulai ulang alamat publik",
    "Resumed": "Dilanjutkan",
    "Ro&tate tokens": "Ro&tasi token",
    "Rotate signing keys": "Rotasi kunci penanda tangan",
    "Rotating tokens": "Merotasi token",
    "Running jobs go on, but nobody can sign in and nothing can be rotated until the keyring is unlocked.": (
        "Pekerjaan yang berjalan diteruskan, tetapi tidak ada yang dapat masuk dan tidak ada yang dapat dirotasi "
        "sampai gantungan kunci dibuka."
    ),
    "Running · {jobs}": "Berjalan · {jobs}",
    "Scan this with the telephone, or open the link on the other computer.": (
        "Pindai ini dengan telepon, atau buka tautannya di komputer lain."
    ),
    "Serves once, for another {minutes}:{seconds}.": "Berlaku sekali, masih {minutes}:{seconds}.",
    "Sett&ings…": "Pengatura&n…",
    "Show engines": "Tampilkan mesin kerja",
    "Show the audit log": "Tampilkan log audit",
    "Show the log": "Tampilkan log",
    "Show the overview": "Tampilkan ikhtisar",
    "Slower or less reliable than promised in the last 15 minutes: {names}.": (
        "Lebih lambat atau kurang andal dari janji dalam 15 menit terakhir: {names}."
    ),
    "So many jobs run at once until the next start.": "Sebanyak itu pekerjaan berjalan bersamaan sampai dimulai lagi.",
    "Start": "Mulai",
    "Start again": "Mulai lagi",
    "Start at &login": "Mulai saat &masuk",
    "Start at login": "Mulai saat masuk",
    "Starting Flowork again opens the window": "Memulai Flowork lagi membuka jendelanya",
    "Stopped": "Berhenti",
    "Stopping · {jobs} still running": "Menghentikan · {jobs} masih berjalan",
    "Take jobs again": "Terima pekerjaan lagi",
    "That does not fit": "Itu tidak cocok",
    "That takes about {seconds} s.": "Perlu kira-kira {seconds} detik.",
    "The audit log needs you": "Log audit perlu perhatian Anda",
    "The battery is low. Jobs are taken and wait in the queue until there is power.": (
        "Baterai lemah. Pekerjaan diterima dan menunggu di antrean sampai ada daya."
    ),
    "The code has ended": "Kode telah berakhir",
    "The endpoint begins anew": "Alamat publik dimulai ulang",
    "The https address under which it is published": "Alamat https tempat ia diterbitkan",
    "The keys cannot be read": "Kunci tidak dapat dibaca",
    "The place of the keys does not answer. Nothing is lost; nobody can sign in until it is back.": (
        "Tempat kunci tidak menjawab. Tidak ada yang hilang; tidak ada yang dapat masuk sampai ia kembali."
    ),
    "The public endpoint is down": "Alamat publik mati",
    "The queue of {names} cannot be opened; its jobs wait untouched. The log says which file and why.": (
        "Antrean {names} tidak dapat dibuka; pekerjaannya menunggu tanpa disentuh. Log menyebut berkas dan sebabnya."
    ),
    "The six digits that the device shows": "Enam angka yang ditampilkan perangkat",
    "Their number follows what is measured; now {number}.": "Jumlahnya mengikuti hasil pengukuran; kini {number}.",
    "This desktop shows no tray icons, so Flowork opens its window instead. Starting Flowork again opens it anew.": (
        "Desktop ini tidak menampilkan ikon baki, maka Flowork membuka jendelanya. Memulai Flowork lagi membukanya kembali."
    ),
    "This network is metered. Jobs are taken and wait in the queue until it is not.": (
        "Jaringan ini berkuota. Pekerjaan diterima dan menunggu di antrean sampai jaringan berganti."
    ),
    "Token of the tunnel, as Cloudflare shows it; empty keeps the one there is": (
        "Token terowongan, seperti ditampilkan Cloudflare; kosong berarti tetap yang ada"
    ),
    "Try again…": "Coba lagi…",
    "Type a name first: it is how you will know this person.": "Ketik nama dahulu: begitulah Anda mengenali orang ini.",
    "Type the six digits that it shows. You have one try.": "Ketik enam angka yang ditampilkannya. Anda punya satu kesempatan.",
    "Unlock…": "Buka kunci…",
    "Waiting jobs start now.": "Pekerjaan yang menunggu dimulai sekarang.",
    "Weak connection · {where}": "Sambungan lemah · {where}",
    "What your tunnel or proxy must know": "Yang harus diketahui terowongan atau proksi Anda",
    "Where browsers elsewhere reach this gateway. Nothing leaves this machine unless you choose so here.": (
        "Tempat peramban lain menjangkau gerbang ini. Tidak ada yang keluar dari komputer ini kecuali Anda memilihnya di sini."
    ),
    "Whose device it is": "Perangkat milik siapa",
    "Workers: automatic": "Pekerja: otomatis",
    "Workers: {number}": "Pekerja: {number}",
    "You paused it. Jobs are taken and wait in the queue.": "Anda menjedanya. Pekerjaan diterima dan menunggu di antrean.",
    "availability (month)": "ketersediaan (bulan ini)",
    "end to end p95": "ujung ke ujung p95",
    "error rate": "tingkat kesalahan",
    "expected wait p95": "perkiraan tunggu p95",
    "not reached": "tidak terjangkau",
    "seen from outside at {at}: {took}": "terlihat dari luar pukul {at}: {took}",
    "start delay p95": "jeda mulai p95",
    "with the Host": "dengan Host",
    "{address} · from {client} ({ingress})": "{address} · dari {client} ({ingress})",
    "{names}: takes a new token at its next call. Running jobs go on.": (
        "{names}: mengambil token baru pada panggilan berikutnya. Pekerjaan yang berjalan diteruskan."
    ),
    "{name} is paired": "{name} telah dipasangkan",
    "{number} connections": "{number} sambungan",
    "{number} jobs": "{number} pekerjaan",
    "{number} jobs are running": "{number} pekerjaan sedang berjalan",
    "{number} restarts": "{number} kali mulai ulang",
    "{number} unfinished jobs were given back and start again later.": (
        "{number} pekerjaan yang belum selesai dikembalikan dan dimulai lagi nanti."
    ),
}
