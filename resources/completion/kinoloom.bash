# bash completion for kinoloom(1)

_kinoloom_models() {
  kinoloom models list 2>/dev/null | cut -d' ' -f1
}

# The last word of a prompt, from the words that the default model knows: "a red he" becomes "a red heart".
_kinoloom_prompt() {
  local text=${1#[\"\']} head= word
  case $text in *' '*) head="${text% *} " ;; esac
  while IFS= read -r word; do
    case $word in "${text#"$head"}"*) COMPREPLY+=("$head$word") ;; esac
  done < <(kinoloom models show --words 2>/dev/null | sed -n 's/^  //; t list; d; :list; s/, /\n/g; p' | sort -u)
}

_kinoloom() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='render export layout models probe devices bench --help --version'
  else
    case $prev in
    --model | -m) words=$(_kinoloom_models) ;;
    --solver) words='euler unipc dpm++ few-step' ;;
    --device | -d) words='cpu vulkan vulkan:0' ;;
    --precision) words='auto f32 bf16' ;;
    --container) words='mp4 webm mkv gif apng png png-sequence svg pdf' ;;
    --codec) words='auto h264 vp9 av1 mpeg4' ;;
    --progress) words='bar json none' ;;
    --size | -s) words='128x128 256x256 512x512 480x832 832x480 1280x720' ;;
    --preset) words='infographic slide square story a4' ;;
    --ask) words='http://127.0.0.1:8080/v1' ;;
    --fit) words='contain cover' ;;
    --fps) words='16 24 25 29.97 30 30000/1001' ;;
    show | verify) [ "$command" = models ] && words="$(_kinoloom_models) --words --json" ;;
    --image | -i | --output | -o | --ledger | --complete | --refine | --layout | --preview | --transformer | --text-encoder | --tokenizer | --vae | --upscaler)
      compopt -o default 2>/dev/null
      return
      ;;
    --prompt | -p)
      _kinoloom_prompt "$cur"
      return
      ;;
    --negative | --seconds | -t | --frames | --seed | --seed-at | --job | -j | --steps | --guidance | --shift | --window | --sink | \
      --clip | --overlap | --threads | --memory | --crf | --name | --only | --candidates | --candidate | --layout-seed | --scale | --ask-model | --asset | --from) return ;;
    *)
      case $command in
      render)
        if [ "${COMP_WORDS[2]}" = infographic ] && [ "$COMP_CWORD" -gt 2 ]; then
          words='--output --preset --layout --candidate --layout-seed --scale --seconds --fps --seed --model --steps --guidance
            --device --threads --memory --no-pictures --container --codec --crf --yes --no --resume --dry-run --no-provenance
            --progress --json --quiet --help'
          compopt -o default 2>/dev/null
        elif [ "$COMP_CWORD" -eq 2 ] && [ "${cur#-}" = "$cur" ]; then
          words='text-to-video infographic'
          compopt -o default 2>/dev/null
        else
          words='--prompt --prompt-at --region --negative --image --model --output --yes --no --resume --dry-run --size --seconds
            --frames --fps --seed --seed-at --job --steps --guidance --shift --solver --window --sink --clip --overlap --precision --device
            --threads --memory --container --codec --crf --no-provenance --progress --json --quiet --keep-ledger --ledger
            --schema --help'
        fi
        ;;
      export)
        words='--output --yes --no --asset --from --seconds --size --fit --fps --container --codec --crf --no-sound
          --no-provenance --dry-run --progress --json --quiet --help'
        compopt -o default 2>/dev/null
        ;;
      layout)
        words='--candidates --preset --size --seed --complete --refine --output --preview --ask --ask-model --allow-remote --yes --no
          --json --schema --quiet --help'
        compopt -o default 2>/dev/null
        ;;
      models)
        if [ "$COMP_CWORD" -eq 2 ]; then
          words='list show import verify'
        else
          words='--json --words --name --copy --transformer --text-encoder --tokenizer --vae --upscaler --yes --quiet --help'
          compopt -o default 2>/dev/null
        fi
        ;;
      probe)
        words='--json --help'
        compopt -o default 2>/dev/null
        ;;
      devices) words='--json --help' ;;
      bench) words='--only --threads --json --help' ;;
      esac
      ;;
    esac
  fi
  local IFS=$' \t\n'
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}

complete -F _kinoloom kinoloom
