# Servers of another release than the system's: packages of a suite of Debian or Ubuntu, unpacked beside the system.
# To be sourced after lib.sh. Nothing is installed, and no one has to be root.
# shellcheck shell=bash

# Unpack a package and every library that it needs, unless that was done before: unpack SUITE NAME PACKAGE
# Runs of several checkouts wait for each other. Remove the directory to have a newer release.
unpack() {
    local cache target
    cache=$("$VENV_PYTHON" -m tests.servers --cache) || return
    target=$cache/$1/$2
    if [[ -d $target ]]; then
        return
    fi
    hash apt-get dpkg-deb flock 2>/dev/null || return
    mkdir -p "${target%/*}" || return
    say "Unpacking $3 of $1 in $target"
    (
        flock 9
        [[ ! -d $target ]] || exit 0
        # What a run that was killed has left behind: no one else is here now.
        rm -rf "$target".??????
        dir=$(mktemp -d "$target.XXXXXX") && trap 'rm -rf "$dir"' EXIT
        chmod 755 "$dir" && mkdir "$dir/root" &&
            (cd "$dir" && download "$1" "$3") >"$dir/log" 2>&1 &&
            unpack_packages "$dir" && wrap_programs "$dir/root" && mv -T "$dir/root" "$target" && exit 0
        tail -n 20 "$dir/log" >&2
        exit 1
    ) 9>"$target.lock"
}

# Say where a suite is and whose keys sign it: "unstable" is Debian's, any other name Ubuntu's.
source_of() {
    local maker=ubuntu mirror=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu} parts="main universe"
    if [[ $1 == unstable ]]; then
        maker=debian mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian} parts=main
    fi
    local keyring=/usr/share/keyrings/$maker-archive-keyring.gpg
    if [[ ! -e $keyring && $EUID == 0 ]]; then
        (install_packages "$maker-archive-keyring") >&2
    fi
    printf 'deb [signed-by=%s] %s %s %s\n' "$keyring" "$mirror" "$1" "$parts"
}

# apt verifies the signatures. The system's own lists, packages and preferences stay out of it.
download() {
    source_of "$1" >sources.list
    mkdir -p lists/partial cache/archives/partial
    touch status
    local apt=(
        timeout 900 apt-get --yes
        -o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
        -o "Dir::State::Lists=$PWD/lists" -o "Dir::State::status=$PWD/status" -o "Dir::Cache=$PWD/cache"
        -o APT::Default-Release= -o APT::Install-Recommends=false -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30
        # The directories are ours alone, and only root could lock.
        -o Debug::NoLocking=true
    )
    "${apt[@]}" update && "${apt[@]}" --download-only install "$2"
}

unpack_packages() {
    local package part
    for package in "$1"/cache/archives/*.deb; do
        case ${package##*/} in
            perl* | libperl*) ;; # for scripts that the tests do not run
            *) dpkg-deb --extract "$package" "$1/root" || return ;;
        esac
    done
    # Older releases have their libraries in /lib, which a system links to /usr/lib.
    for part in lib lib64 bin sbin; do
        if [[ -d $1/root/$part ]]; then
            mkdir -p "$1/root/usr/$part" && cp -a "$1/root/$part/." "$1/root/usr/$part/" || return
        fi
    done
    chmod -R a+rX "$1/root"
}

# The programs want a newer C library than the system's: each is started by the loader that came with them.
wrap_programs() {
    local loader program
    loader=$(cd "$1" && echo usr/lib/*/ld-linux*.so.?)
    for program in "$1"/usr/bin/* "$1"/usr/sbin/* "$1"/usr/lib/postgresql/*/bin/*; do
        if [[ -f $program && ! -L $program && $(head -c 4 "$program" | tr -d '\0') == $'\x7fELF' ]]; then
            mv "$program" "$program.elf" && write_wrapper "$loader" >"$program" && chmod 755 "$program" || return
        fi
    done
}

write_wrapper() {
    cat <<EOF
#!/bin/sh
root=\${0%/usr/*}
exec "\$root/$1" --library-path "\$root/${1%/*}" --argv0 "\$0" "\$0.elf" "\$@"
EOF
}
