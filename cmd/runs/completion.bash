# bash completion of runs. It works in bash 3.2 and later and needs no other package.

__runs_complete()
{
    COMPREPLY=()

    # Readline breaks words at "=" and ":" too. Join what has no space between, up to the cursor.
    local rest=${COMP_LINE:0:COMP_POINT} words=() cur="" gap i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        if ((i == COMP_CWORD)); then cur=$rest; else cur=${COMP_WORDS[i]}; fi
        rest=${rest#"$cur"}
        if [[ -n $gap || $i -eq 0 ]]; then
            words+=("$cur")
        else
            words[${#words[@]} - 1]+=$cur
        fi
    done
    cur=${words[${#words[@]} - 1]}

    # Call the program with the words as it would get them, without the quotes.
    local program=${words[0]/#\~\//$HOME/} args=() quote=""
    type -P -- "$program" >/dev/null || program=runs
    for ((i = 1; i < ${#words[@]}; i++)); do
        local word=${words[i]}
        case $word in
        \"* | \'*)
            local mark=${word:0:1}
            ((i == ${#words[@]} - 1)) && quote=$mark
            word=${word#"$mark"}
            word=${word%"$mark"}
            ;;
        *)
            word=${word//\\/}
            ;;
        esac
        args+=("$word")
    done
    local lines=() line directive=0 given=${args[${#args[@]} - 1]}
    while IFS= read -r line; do
        case $line in
        :[0-9]*) directive=${line#:} ;;
        *) lines+=("$line") ;;
        esac
    done < <("$program" __complete "${args[@]}" 2>/dev/null)
    ((directive & 1)) && return
    if ((directive & 2)) && [[ $(type -t compopt) == builtin ]]; then compopt -o nospace; fi
    if ((directive & 4)) && [[ $(type -t compopt) == builtin ]]; then compopt +o default +o bashdefault; fi

    # Readline replaces what follows the last break, so leave out what precedes it. A flag's value follows "=".
    local prefix="" value=$given
    if [[ $given == -*=* ]]; then value=${given#*=}; fi
    if [[ -z $quote && $value == *[=:]* ]]; then prefix=${value%"${value##*[=:]}"}; fi

    local word
    for line in ${lines[@]+"${lines[@]}"}; do
        word=${line%%$'\t'*}
        [[ $word == "$value"* ]] || continue
        word=${word#"$prefix"}
        if [[ -z $quote && $word == *[!A-Za-z0-9_./:=@%+,~-]* ]]; then printf -v word %q "$word"; fi
        if [[ $line == *$'\t'* && $COMP_TYPE == 63 ]]; then
            word="$word  (${line#*$'\t'})"
        fi
        COMPREPLY+=("$word")
    done
    # A description would become part of the line if only one word is left.
    if ((${#COMPREPLY[@]} == 1)); then COMPREPLY[0]=${COMPREPLY[0]%%  (*}; fi
}

complete -o default -o bashdefault -F __runs_complete runs
